"""The Webhooks page: the listener, what it heard, and what came of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ledger import Posting
from bioql_console.domain.paging import EventQuery
from bioql_console.domain.webhooks import EventSource, InboxEvent, ReceivedEvent
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels import event_columns as columns
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

REJECTED = (
    Column("Time", lambda one: formats.clock(one.at_ms), Look.MONO, width=84),
    Column("Answer", lambda one: str(one.status), Look.NUMBER, width=64),
    Column("Why", lambda one: one.reason, width=0),
    Column("From", lambda one: one.remote, Look.MONO, width=130),
)


@dataclass(frozen=True, slots=True)
class EventDetail:
    """Everything about one event.

    Args:
        verdict: What its signature says today, in words.
        postings: What it did to the ledger.
    """

    event: InboxEvent
    raw: ReceivedEvent
    content: Any
    verdict: str
    postings: tuple[Posting, ...]


class WebhooksViewModel(ViewModel):
    """Signals: `listener_changed`, `inspected` with an EventDetail or None, `counted` with words."""

    listener_changed = Signal()
    inspected = Signal(object)
    counted = Signal(str)
    topics: ClassVar[frozenset[str]] = frozenset(("events", "listener"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = EventQuery()
        self.rows = Rows(
            self,
            (
                columns.TIME,
                columns.TYPE,
                columns.OBJECT,
                columns.CUSTOMER,
                columns.AMOUNT,
                columns.STATE,
                columns.TOOK,
            ),
            lambda work, after, limit: work.inbox.page(self.query, after, limit),
            identity=lambda event: event.id,
        )
        self.rejected = RowTable(REJECTED, identity=lambda one: (one.at_ms, one.reason))
        self._inspecting = self.latest()
        self._from_start = False
        self._chosen: InboxEvent | None = None

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def attention(self, only: bool) -> None:
        self._ask(replace(self.query, attention=only))

    def _ask(self, query: EventQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        counts = await self.read(lambda work: work.inbox.counts())
        self.counted.emit(" · ".join(f"{formats.count(n)} {columns.WORDS[state]}" for state, n in counts.items() if n))
        self.rejected.show_rows(self.console.listener.rejections())
        self.listener_changed.emit()
        self.loaded()

    def inspect(self, event: InboxEvent | None) -> None:
        """Show one event beside the list."""
        self._chosen = event
        if event is None:
            self.inspected.emit(None)
        else:
            self._inspecting.start(self._inspect, event)

    async def _inspect(self, event: InboxEvent) -> None:
        def look(work: Work) -> tuple[ReceivedEvent | None, tuple[Posting, ...]]:
            raw = work.inbox.get(event.id)
            found = _sources(raw)
            return raw, tuple(posting for kind, source in found for posting in work.ledger.postings_from(kind, source))

        raw, postings = await self.read(look)
        if raw is None or event is not self._chosen:
            return
        verdict = await self.console.workers.keychain.run(_verdict, raw, self.console.webhook_secrets)
        self.inspected.emit(EventDetail(event, raw, json.loads(raw.body), verdict, postings))

    # --- what an operator does, each by way of `act`

    async def switch(self, on: bool) -> None:
        """Start or stop listening."""
        server = self.console.server
        await self.console.workers.probe.run(server.start if on else server.stop)
        self.listener_changed.emit()

    async def beat(self) -> None:
        await self.console.workers.probe.run(self.console.heartbeat)
        self.workspace.toasted.emit("The listener heard its heartbeat")
        self.listener_changed.emit()

    async def replay(self, event: InboxEvent, reason: str) -> None:
        await self.console.workers.database.run(self.console.replay.again, event.id, self.console.operator, reason)
        self.workspace.toasted.emit(f"{event.id} is decided again")

    async def deliver(self, options: dict[str, object]) -> None:
        """How the sandbox delivers from now on."""
        sandbox = self.console.sandbox
        if sandbox is not None:
            await self.console.workers.probe.run(lambda: sandbox.delivery(**options))
            self.workspace.toasted.emit("The sandbox delivers like this from now on")

    async def advance(self, seconds: int) -> None:
        """Move the sandbox's clock."""
        sandbox = self.console.sandbox
        if sandbox is not None:
            await self.console.workers.probe.run(sandbox.advance_clock, seconds)
            self.workspace.toasted.emit(f"The sandbox's clock is {formats.span(seconds * 1000)} later")


def _sources(raw: ReceivedEvent | None) -> list[tuple[str, str]]:
    """Under which sources an event's postings may be found: the payment, refund or dispute it is about."""
    if raw is None:
        return []
    thing = json.loads(raw.body).get("data", {}).get("object", {})
    payment = thing.get("payment_intent") if isinstance(thing.get("payment_intent"), str) else ""
    found = [("payment_intent", payment)] if payment else []
    if isinstance(thing.get("id"), str):
        found += [(str(thing.get("object", "")), thing["id"])]
    return found


def _verdict(raw: ReceivedEvent, secrets: Callable[[], Sequence[str]]) -> str:
    """What its signature says of an event, as of its receipt. Blocks."""
    from bioql_console.services.signature import verify  # Stripe's SDK takes a quarter of a second

    if not raw.signature:
        return "It came without a signature: fetched from Stripe, not delivered."
    if raw.source is EventSource.CLI:
        # That secret lives as long as the session did.
        return "Forwarded by Stripe's command line and signed for its session; checked when it arrived."
    verdict = verify(raw.body, raw.signature, secrets(), raw.received_ms)
    return verdict.words.replace(" old.", " before it was received.") if verdict.ok else verdict.words
