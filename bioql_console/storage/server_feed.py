"""Hearing what other processes changed in the team's PostgreSQL."""

import json
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from bioql_console.domain.errors import OperatorError
from bioql_console.storage.change_feed import ChangeFeed, Heard, Noted
from bioql_console.storage.change_notes import CHANNEL, EVERY_TOPIC, ChangeNotes, read_note

# How soon a stop is noticed.
TURN_S = 0.25
# The first of a burst is told at once, and the rest of it as one.
GATHER_S = 0.1
LOOK_EVERY_S = 1.0
# A note to ourselves that does not arrive tells that nothing does, e.g. behind a pooler that shares connections.
PROBE_EVERY_S = 30.0
DEAF_AFTER_S = 4.0
LISTEN_AGAIN_AFTER_S = 30.0


class ServerFeed(ChangeFeed):
    """PostgreSQL's notifications; where they don't get through, a look every second whether anybody wrote."""

    def __init__(self, engine: Engine, notes: ChangeNotes, heard: Heard, noted: Noted) -> None:
        super().__init__(heard, noted)
        self._engine, self._notes = engine, notes
        self._snapshot = ""

    def say(self, note: Mapping[str, object]) -> bool:
        payload = json.dumps({**note, "writer": self._notes.writer})
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT pg_notify(:channel, :note)"), {"channel": CHANNEL, "note": payload})
                connection.commit()
        except (SQLAlchemyError, OperatorError):
            return False
        return True

    def _run(self) -> None:
        first = True
        while not self._stop.is_set():
            with suppress(psycopg.Error, SQLAlchemyError, OperatorError, OSError):
                self._listen(first)
            first, self.listening = False, False
            until = time.monotonic() + LISTEN_AGAIN_AFTER_S
            while time.monotonic() < until and not self._stop.wait(LOOK_EVERY_S):
                self._look()

    def _listen(self, first: bool) -> None:
        """Until told to stop, or nothing is heard any more."""
        borrowed = self._engine.raw_connection()
        driver: Any = borrowed.driver_connection
        borrowed.detach()  # not the pool's any more: it listens as long as it lives
        with closing(driver):
            driver.rollback()
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}")
            if not first:
                self._heard(EVERY_TOPIC)  # whatever happened meanwhile
            self._hear(driver)

    def _hear(self, driver: "psycopg.Connection[Any]") -> None:
        asked_at, answered = self._probe(), False
        while not self._stop.is_set():
            first = [read_note(each.payload) for each in driver.notifies(timeout=TURN_S, stop_after=1)]
            echo = self._tell(first)
            if any(each.get("writer") != self._notes.writer for each in first):
                echo |= self._tell([read_note(each.payload) for each in driver.notifies(timeout=GATHER_S)])
            if echo:
                answered = self.listening = True
            silent_s = time.monotonic() - asked_at
            if not answered:
                self._look()
                if silent_s > DEAF_AFTER_S:
                    return
            if silent_s > PROBE_EVERY_S:
                asked_at, answered = self._probe(), False

    def _probe(self) -> float:
        """Say something to ourselves, by another connection than the one that listens; when, in seconds."""
        self.say({"probe": True})
        return time.monotonic()

    def _tell(self, notes: list[dict[str, Any]]) -> bool:
        """Whether we heard ourselves."""
        topics: set[str] = set()
        echo = False
        for note in notes:
            if note.get("writer") == self._notes.writer:
                echo = True
            elif isinstance(told := note.get("topics"), list):
                topics |= {topic for topic in told if topic in EVERY_TOPIC}
            elif note:
                self._noted(note)
        if topics:
            self._heard(frozenset(topics))
        return echo

    def _look(self) -> None:
        """Whether anybody wrote since the last look. What, only listening tells."""
        with suppress(SQLAlchemyError, OperatorError), self._engine.connect() as connection:
            # Changes when any writing transaction begins or ends.
            found = str(connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one())
            if found != self._snapshot:
                self._snapshot = found
                self._heard(EVERY_TOPIC)
