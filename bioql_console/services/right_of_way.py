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
        clock_s: A clock that is never set back, seconds.
        rest: Lets so many seconds pass.
    """

    def __init__(
        self,
        store: Store,
        busy: Callable[[], bool],
        clock_s: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._busy = busy
        self._clock_s = clock_s
        self._rest = rest
        self._earliest_s = 0.0

    def read(self) -> AbstractContextManager[Work]:
        return self._store.read()

    @contextmanager
    def write(self) -> Iterator[Work]:
        while self._busy() and (left_s := self._earliest_s - self._clock_s()) > 0:
            self._rest(min(left_s, LOOK_AGAIN_S))
        began_s = self._clock_s()
        try:
            with self._store.write() as work:
                yield work
        finally:
            ended_s = self._clock_s()
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
