"""Whether the database can be written, as the last write found it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bioql_console.domain.errors import OperatorError, Trouble
from bioql_console.storage.unit_of_work import UnitOfWork

# What keeps every write from being kept, not only the one that met it.
KEEPS_FROM_WRITING = frozenset(
    f"db.{code}" for code in ("full", "read_only", "io", "locked", "corrupt", "missing", "moved", "unreachable")
)


class TroubleWatch:
    """Remembers a failure until a write goes well. Used from any thread.

    Attributes:
        trouble: None while all is well.
        on_change: Called when trouble begins, ends or becomes another, on the thread that met it.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.trouble: Trouble | None = None
        self.on_change: Callable[[], None] = lambda: None

    @contextmanager
    def writing(self) -> Iterator[Callable[[UnitOfWork], UnitOfWork]]:
        """Around one write; the answer is called with its transaction."""
        works: list[UnitOfWork] = []

        def watched(work: UnitOfWork) -> UnitOfWork:
            works.append(work)
            return work

        try:
            yield watched
        except OperatorError as error:
            if error.code in KEEPS_FROM_WRITING:
                self._met(error)
            raise
        if any(work.committed for work in works):
            self._met(None)

    def _met(self, error: OperatorError | None) -> None:
        before = self.trouble
        if error is None and before is not None:
            self.trouble = None
            self.on_change()
        elif error is not None and (before is None or before.error.code != error.code):
            self.trouble = Trouble(error, before.since_ms if before else self._now_ms())
            self.on_change()
