"""Everything the sandbox remembers, in one SQLite file that only its owner may read."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
    deleted INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS objects_newest ON objects (kind, created, seq);
CREATE TABLE IF NOT EXISTS lookups (
    kind TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (kind, field, value, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lookups_by_object ON lookups (seq);
CREATE TABLE IF NOT EXISTS jobs (
    due INTEGER NOT NULL, name TEXT NOT NULL, object_id TEXT NOT NULL, PRIMARY KEY (name, object_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due, object_id);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, created INTEGER NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, request_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meter_events (
    seq INTEGER PRIMARY KEY, meter TEXT NOT NULL, customer TEXT NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL,
    identifier TEXT NOT NULL, event_name TEXT NOT NULL, received INTEGER NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0, invoice TEXT);
CREATE INDEX IF NOT EXISTS meter_events_summed ON meter_events (meter, customer, at);
CREATE INDEX IF NOT EXISTS meter_events_identified ON meter_events (identifier, received);
CREATE TABLE IF NOT EXISTS meter_errors (
    seq INTEGER PRIMARY KEY, meter TEXT NOT NULL, code TEXT NOT NULL, named TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, event TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    attempts TEXT NOT NULL, count INTEGER NOT NULL, next_ms INTEGER, UNIQUE (event, endpoint));
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, next_ms);
"""


def create_private(path: Path) -> None:
    """Make the file with mode 0600 before SQLite would make it readable for all; its companions inherit the mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


class Store:
    """Objects by kind and id, and the tables beside them. Calls are short; any thread may make them.

    Args:
        lookups: By kind, the fields that lists filter by.
    """

    def __init__(self, path: Path, lookups: Mapping[str, Sequence[str]]) -> None:
        create_private(path)
        self._lookups = lookups
        self._lock = threading.RLock()
        self._depth = 0
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-16000"):
            self.db.execute(f"PRAGMA {pragma}").fetchall()
        self.db.executescript(SCHEMA)
        columns = [row[1] for row in self.db.execute("PRAGMA table_info(meter_events)")]
        if "invoice" not in columns:  # a file of a version that made no invoices
            self.db.execute("ALTER TABLE meter_events ADD COLUMN invoice TEXT")
        self._offset_s = int(self.setting("clock_offset_s") or 0)
        self._stopped_at: int | None = None

    def close(self) -> None:
        with self._lock:
            self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another transaction it is part of that one."""
        with self._lock:
            if self._depth:
                yield
                return
            self.db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            else:
                self.db.execute("COMMIT")
            finally:
                self._depth = 0

    # Settings and clock

    def setting(self, name: str) -> str | None:
        with self._lock:
            row = self.db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_setting(self, name: str, value: str) -> None:
        with self._lock:
            self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def now(self) -> int:
        """The sandbox's time, in seconds: the real one plus what the test clock was advanced by."""
        return self._stopped_at if self._stopped_at is not None else int(time.time()) + self._offset_s

    def advance(self, seconds: int) -> None:
        with self._lock:
            self._offset_s += seconds
            self.set_setting("clock_offset_s", str(self._offset_s))

    @contextmanager
    def stopped_at(self, at: int) -> Iterator[None]:
        """Meanwhile it is `at` o'clock: what was due earlier happened then, not when we looked."""
        with self._lock:
            self._stopped_at = at
            try:
                yield
            finally:
                self._stopped_at = None

    # Objects

    def put(self, thing: Json, kind: str | None = None) -> None:
        """Store an object, new or changed. Its place in lists is that of its creation."""
        kind = kind or thing["object"]
        body, deleted = json.dumps(thing, separators=(",", ":")), bool(thing.get("deleted"))
        with self._lock:
            row = self.db.execute("SELECT seq FROM objects WHERE kind = ? AND id = ?", (kind, thing["id"])).fetchone()
            if row:
                seq = row[0]
                self.db.execute("UPDATE objects SET body = ?, deleted = ? WHERE seq = ?", (body, deleted, seq))
                self.db.execute("DELETE FROM lookups WHERE seq = ?", (seq,))
            else:
                seq = self.db.execute(
                    "INSERT INTO objects (kind, id, created, deleted, body) VALUES (?, ?, ?, ?, ?)",
                    (kind, thing["id"], thing.get("created", self.now()), deleted, body),
                ).lastrowid
            for name in () if deleted else self._lookups.get(kind, ()):
                if (value := _at(thing, name)) is not None:
                    self.db.execute("INSERT INTO lookups VALUES (?, ?, ?, ?)", (kind, name, _text(value), seq))

    def get(self, kind: str, object_id: str) -> Json | None:
        with self._lock:
            row = self.db.execute("SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, object_id)).fetchone()
        return json.loads(row[0]) if row else None

    def count(self, kind: str) -> int:
        with self._lock:
            row = self.db.execute("SELECT count(*) FROM objects WHERE kind = ? AND deleted = 0", (kind,)).fetchone()
        return int(row[0])

    def forget(self, kind: str, before: int) -> None:
        """Remove objects created before a time, for good."""
        with self._lock:
            old = "SELECT seq FROM objects WHERE kind = ? AND created < ?"
            self.db.execute(f"DELETE FROM lookups WHERE seq IN ({old})", (kind, before))
            self.db.execute("DELETE FROM objects WHERE kind = ? AND created < ?", (kind, before))

    def select(
        self,
        kind: str,
        *,
        equal: Mapping[str, object] | None = None,
        created: Mapping[str, int] | None = None,
        where: Iterable[tuple[str, Sequence[object]]] = (),
        cursor: tuple[str, str] | None = None,
        limit: int = -1,
    ) -> list[Json]:
        """Objects, newest first.

        Args:
            equal: By field, the value (or list of values) it has; the field must be one of the kind's lookups.
            cursor: ("<", id) for what is older than that object; (">", id) for what is newer, oldest first.
        """
        source, parts, args = "objects o", ["o.kind = ?", "o.deleted = 0"], [kind]
        for number, (name, value) in enumerate((equal or {}).items()):
            values = [_text(item) for item in (value if isinstance(value, list) else [value])]
            marks = ", ".join("?" * len(values))
            if number == 0:  # CROSS JOIN makes SQLite start with the rare value, not with all objects by age
                source = "lookups l CROSS JOIN objects o ON o.seq = l.seq"
                parts.append(f"l.kind = ? AND l.field = ? AND l.value IN ({marks})")
            else:
                parts.append(f"o.seq IN (SELECT seq FROM lookups WHERE kind = ? AND field = ? AND value IN ({marks}))")
            args += [kind, name, *values]
        for bound, at in (created or {}).items():
            parts.append(f"o.created {_COMPARE[bound]} ?")
            args.append(at)  # type: ignore[arg-type]
        for sql, more in where:
            parts.append(sql)
            args += more  # type: ignore[arg-type]
        direction = "ASC" if cursor and cursor[0] == ">" else "DESC"
        if cursor:
            parts.append(f"(o.created, o.seq) {cursor[0]} (SELECT created, seq FROM objects WHERE kind = ? AND id = ?)")
            args += [kind, cursor[1]]
        sql = f"SELECT o.body FROM {source} WHERE {' AND '.join(parts)}"
        sql += f" ORDER BY o.created {direction}, o.seq {direction} LIMIT ?"
        with self._lock:
            return [json.loads(row[0]) for row in self.db.execute(sql, (*args, limit))]

    # Jobs

    def schedule(self, due: int, name: str, object_id: str, *, replace: bool = True) -> None:
        verb = "REPLACE" if replace else "IGNORE"
        with self._lock:
            self.db.execute(f"INSERT OR {verb} INTO jobs VALUES (?, ?, ?)", (due, name, object_id))

    def cancel_job(self, name: str, object_id: str) -> None:
        with self._lock:
            self.db.execute("DELETE FROM jobs WHERE name = ? AND object_id = ?", (name, object_id))

    def next_job(self) -> tuple[int, str, str] | None:
        """The job that is due first: when, its name, for which object."""
        with self._lock:
            row = self.db.execute("SELECT due, name, object_id FROM jobs ORDER BY due, object_id LIMIT 1").fetchone()
        return (row[0], row[1], row[2]) if row else None

    # Idempotency

    def saved_answer(self, key: str, since: int) -> tuple[str, int, str, str] | None:
        """What was answered under this key: request, status, body, request id."""
        sql = "SELECT request, status, body, request_id FROM idempotency WHERE key = ? AND created > ?"
        with self._lock:
            row = self.db.execute(sql, (key, since)).fetchone()
        return (row[0], row[1], row[2], row[3]) if row else None

    def save_answer(self, key: str, request: str, status: int, body: str, request_id: str) -> None:
        with self._lock:
            row = (key, request, self.now(), status, body, request_id)
            self.db.execute("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)", row)

    def forget_answers(self, before: int) -> None:
        with self._lock:
            self.db.execute("DELETE FROM idempotency WHERE created < ?", (before,))


_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _at(thing: Json, path: str) -> Any:
    here: Any = thing
    for part in path.split("."):
        here = here.get(part) if isinstance(here, dict) else None
    return here


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
