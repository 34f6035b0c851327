"""A process that listens for what others change, and what it heard."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bioql_console.storage.change_feed import ChangeFeed
from bioql_console.storage.database import Database
from tests.waiting import wait_until


class Ear:
    """What a feed told, in order."""

    def __init__(self) -> None:
        self.topics: list[frozenset[str]] = []
        self.notes: list[Mapping[str, Any]] = []
        self.feed: ChangeFeed

    @property
    def all_topics(self) -> set[str]:
        return set().union(*self.topics)


@contextmanager
def listening(database: Database) -> Iterator[Ear]:
    """Listens once it is entered."""
    ear = Ear()
    ear.feed = database.feed(ear.topics.append, ear.notes.append)
    ear.feed.start()
    try:
        wait_until(lambda: ear.feed.listening)
        ear.topics.clear()
        yield ear
    finally:
        ear.feed.stop()
