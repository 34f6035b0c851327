"""Storing goes before applying: who delivers waits for an answer, what is stored waits in the inbox."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from bioql_console.domain.errors import Trouble
from bioql_console.domain.rights import Rights
from bioql_console.services.ports import Store, Work

# While webhooks come without a pause, applying still has this part of the time.
LEAST_SHARE = 0.1
LOOK_AGAIN_S = 0.02


class BehindIntake:
    """A ledger in which each write first lets storing go ahead.

    A process has one interpreter, and a ledger one writer at a time: an event that is applied in between would hold
    up everybody who waits to be acknowledged.

    Args:
        busy: Whether somebody waits to be acknowledged.
    """

    def __init__(self, store: Store, busy: Callable[[], bool]) -> None:
        self._store = store
        self._busy = busy
        self._earliest_s = 0.0

    def read(self) -> AbstractContextManager[Work]:
        return self._store.read()

    @contextmanager
    def write(self) -> Iterator[Work]:
        while self._busy() and (left_s := self._earliest_s - time.monotonic()) > 0:
            time.sleep(min(left_s, LOOK_AGAIN_S))
        began_s = time.monotonic()
        try:
            with self._store.write() as work:
                yield work
        finally:
            ended_s = time.monotonic()
            self._earliest_s = ended_s + (ended_s - began_s) * (1 / LEAST_SHARE - 1)

    @property
    def words(self) -> str:
        return self._store.words

    @property
    def rights(self) -> Rights:
        return self._store.rights

    def ask_for_rights(self) -> None:
        self._store.ask_for_rights()

    @property
    def encrypted(self) -> bool | None:
        return self._store.encrypted

    @property
    def trouble(self) -> Trouble | None:
        return self._store.trouble

    def try_writing(self) -> None:
        self._store.try_writing()
