"""Each event that was brought in from Stripe's list, and what became of it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import QTimer, Signal, Slot

from bioql_console.domain.paging import Cursor, Page
from bioql_console.domain.webhooks import EventState, InboxEvent
from bioql_console.services.csv_export import write_csv
from bioql_console.services.missed_events import Fetched
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels import event_columns as columns
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

AT_ONCE = 500
GATHER_MS = 1_000
SHOWN = (
    Column("When", lambda event: formats.short_moment(event.created_ms), Look.MUTED, width=110),
    Column("Event", lambda event: event.type, width=220),
    columns.CUSTOMER,
    columns.AMOUNT,
    columns.STATE,
    Column("What it did", columns.effect, width=0),
)
HEADER = ("made_at", "event", "id", "object", "user_id", "customer", "amount_usd", "state", "what_it_did")


class FetchedViewModel(ViewModel):
    """Signals: `counted` with how many of them were applied, ignored or wait for an operator, in words."""

    counted = Signal(str)
    topics: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, workspace: Workspace, found: Fetched) -> None:
        super().__init__(workspace)
        self.found = found
        self._ids = [event.id for event in found.events]
        self.rows = Rows(self, SHOWN, self._page, identity=lambda event: event.id)
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.setInterval(GATHER_MS)
        self._gathering.timeout.connect(self.refresh)
        workspace.changed.connect(self._hear_events)

    def close(self) -> None:
        self._gathering.stop()
        self.workspace.changed.disconnect(self._hear_events)
        super().close()

    async def _load(self) -> None:
        await self.rows.reload()
        states = await self.read(self._states)
        words = [f"{formats.count(states[state])} {columns.WORDS[state]}" for state in EventState if states[state]]
        self.counted.emit(" · ".join(words))
        self.loaded()

    def _page(self, work: Work, after: Cursor | None, limit: int) -> Page[InboxEvent]:
        first = after.id if after else 0
        more = Cursor(0, first + limit) if first + limit < len(self._ids) else None
        return Page(tuple(work.inbox.named(self._ids[first : first + limit])), more)

    def _states(self, work: Work) -> Counter[EventState]:
        states: Counter[EventState] = Counter()
        for first in range(0, len(self._ids), AT_ONCE):
            states.update(work.inbox.states(self._ids[first : first + AT_ONCE]))
        return states

    def _all(self, work: Work) -> Iterator[InboxEvent]:
        for first in range(0, len(self._ids), AT_ONCE):
            yield from work.inbox.named(self._ids[first : first + AT_ONCE])

    async def write(self, path: Path) -> None:
        """All of them as CSV; by way of `act`."""

        def write(work: Work) -> int:
            return write_csv(path, HEADER, (_line(event) for event in self._all(work)))

        written = await self.read(write)
        self.workspace.toasted.emit(f"{formats.plural(written, 'event', 'events')} written to {path.name}")

    @Slot(object)
    def _hear_events(self, topics: frozenset[str]) -> None:
        if "events" in topics and not self._gathering.isActive():
            self._gathering.start()


def _line(event: InboxEvent) -> list[str | int]:
    return [
        formats.iso(event.created_ms),
        event.type,
        event.id,
        event.object_id,
        "" if event.user_id is None else event.user_id,
        event.user_name,
        "" if event.amount_micros is None else formats.plain_amount(event.amount_micros),
        columns.WORDS[event.state],
        columns.effect(event),
    ]
