"""Hearing what other processes changed in the same database."""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bioql_console.storage.change_notes import COUNT_MODULUS, EVERY_TOPIC, ChangeNotes

FILE_LOOK_EVERY_S = 0.8
LOOK_AGAIN_AFTER_S = 5.0

Heard = Callable[[frozenset[str]], None]
Noted = Callable[[Mapping[str, Any]], None]


class ChangeFeed:
    """A thread that tells of others' changes by their topics (see `services.changes.Change`).

    Args:
        heard: Called on this thread with topics; must be quick.
        noted: Called with what other processes said by `say`.
    """

    def __init__(self, heard: Heard, noted: Noted = lambda _note: None) -> None:
        self._heard, self._noted = heard, noted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
        self.listening: bool | None = None
        """Whether changes are heard at once; False while they have to be looked for, None before it is known."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def say(self, note: Mapping[str, object]) -> bool:
        """Tell the other processes something, stored nowhere. False where that is impossible."""
        return False

    def _run(self) -> None:
        raise NotImplementedError


class FileFeed(ChangeFeed):
    """SQLite has no messages: looks at the file again and again whether another process committed."""

    def __init__(self, path: Path, notes: ChangeNotes, heard: Heard) -> None:
        super().__init__(heard)
        self._path, self._notes = path, notes

    def _run(self) -> None:
        while not self._stop.is_set():
            with (
                suppress(sqlite3.Error),
                closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as file,
            ):
                self._look(file)
            self.listening = False
            self._stop.wait(LOOK_AGAIN_AFTER_S)

    def _look(self, file: sqlite3.Connection) -> None:
        version, seen = None, self._others(file)
        self.listening = True
        while not self._stop.wait(FILE_LOOK_EVERY_S):
            now = file.execute("PRAGMA data_version").fetchone()
            if now == version:
                continue
            version, others = now, self._others(file)
            # Only forwards: a transaction of ours may be counted here before it is in the file.
            if 0 < (others - seen) % COUNT_MODULUS < COUNT_MODULUS // 2:
                seen = others
                self._heard(EVERY_TOPIC)

    def _others(self, file: sqlite3.Connection) -> int:
        """Transactions that others made."""
        (count,) = file.execute("PRAGMA user_version").fetchone()
        return (int(count) - self._notes.own) % COUNT_MODULUS
