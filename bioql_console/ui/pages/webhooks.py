"""Webhooks: the listener, the live list, the inspector, and in the Sandbox the laboratory."""

from typing import Any, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget

from bioql_console.domain.rights import Role
from bioql_console.domain.webhooks import InboxEvent
from bioql_console.ui import formats
from bioql_console.ui.pages.backfill_strip import BackfillStrip
from bioql_console.ui.pages.event_inspector import EventInspector
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.pages.stripe_cli_row import StripeCliRow
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.viewmodels.webhooks import WebhooksViewModel
from bioql_console.ui.widgets.buttons import Chips, CopyButton, Toggle, button, menu_button
from bioql_console.ui.widgets.cards import Card, EmptyState
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import SearchField, field
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

HOUR_S = 3_600


class WebhooksPage(Page):
    """Listener card, list and inspector."""

    name: ClassVar[str] = "webhooks"
    title: ClassVar[str] = "Webhooks"

    def __init__(self) -> None:
        super().__init__()
        self._beside: tuple[ViewModel, ...] = ()
        self.on = Toggle("Listener")
        self.on.needs = Role.OPERATOR
        self.on.setObjectName("listenerToggle")
        self.address = ElidedLabel("off", "mono")
        self.heard = PlainLabel("", "muted")
        self.copy = CopyButton("Copy address", lambda: self._webhooks.console.server.webhook_url, "the address")
        self.beat = button("Send heartbeat", lambda: self._webhooks.act(self._webhooks.beat))
        self.lab = self._laboratory()
        card = Card()
        row = toolbar(self.on)
        row.addWidget(self.address, 1)
        for widget in (self.heard, self.copy, self.beat, self.lab):
            row.addWidget(widget)
        card.body.addLayout(row)
        self.backfill = BackfillStrip()
        self.cli = StripeCliRow()
        for part in (self.cli, self.backfill):
            card.body.addWidget(part)
        self.body.addWidget(card)
        self.search = SearchField("Event, customer, id", "Search events")
        self.chips = Chips((("attention", "Needs attention"),))
        self.body.addLayout(toolbar(self.search, self.chips, None))
        self.table = DataTable("Webhook events")
        self.rejected = DataTable("Rejected requests")
        self.none = EmptyState(
            "No events yet", "What Stripe sends appears here at once. Make a Checkout link and pay it to see one."
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        lists = QTabWidget()
        lists.setAccessibleName("Events and rejected requests")
        lists.addTab(self.stack, "Events")
        lists.addTab(self.rejected, "Rejected")
        self.lists = lists
        self.inspector = EventInspector()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(12)
        splitter.addWidget(lists)
        splitter.addWidget(self.inspector)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([660, 400])
        self.body.addWidget(splitter, 1)

    def _laboratory(self) -> Any:
        entries = (
            ("Deliver every event twice", lambda: self._deliver(duplicate=1)),
            ("Deliver in random order", lambda: self._deliver(shuffle=True)),
            ("Hold deliveries back", lambda: self._deliver(paused=True)),
            ("Deliver normally", lambda: self._deliver(paused=False, duplicate=0, shuffle=False, delay_s=0)),
            ("Let an hour pass", lambda: self._webhooks.act(self._webhooks.advance, HOUR_S)),
            ("Let a day pass", lambda: self._webhooks.act(self._webhooks.advance, 24 * HOUR_S)),
        )
        return menu_button("Laboratory ▾", entries, "Laboratory of the sandbox", needs=Role.OPERATOR)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._webhooks = WebhooksViewModel(workspace)
        self.adopt(model)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.rejected.show_table(model.rejected)
        self.table.selected.connect(model.inspect)
        self.on.clicked.connect(lambda checked: model.act(model.switch, checked))
        self.search.searched.connect(model.search)
        self.chips.changed.connect(lambda: model.attention(bool(self.chips.on())))
        self.copy.copied.connect(workspace.toasted)
        self.inspector.replay_asked.connect(lambda: model.act(self._replay))
        self.inspector.user_asked.connect(lambda user_id: workspace.page_asked.emit("users", user_id))
        model.inspected.connect(self.inspector.show_detail)
        model.listener_changed.connect(self._show_listener)
        model.counted.connect(self._show_counts)
        backfill = self._backfill = self.backfill.attach(workspace)
        self._beside = (backfill, self.cli.attach(workspace))
        for other in self._beside:
            other.failed.connect(model.failed)
            other.busy_changed.connect(model.busy_changed)
        model.failed.connect(lambda _error: self._show_listener())
        self.lab.setVisible(workspace.console.sandbox is not None)
        self._show_listener()

    def came_to_front(self) -> None:
        super().came_to_front()
        for other in self._beside:
            other.show()

    def went_behind(self) -> None:
        super().went_behind()
        for other in self._beside:
            other.hide()

    def close_page(self) -> None:
        for other in self._beside:
            other.close()
        super().close_page()

    def _retry(self) -> None:
        if self._backfill.interrupted:
            self._backfill.fetch()
        else:
            super()._retry()

    def focus_search(self) -> None:
        self.search.setFocus()

    def show_argument(self, argument: Any) -> None:
        if argument in ("on", "off"):
            self._webhooks.act(self._webhooks.switch, argument == "on")
        elif argument in ("cli:on", "cli:off"):
            self.cli.switch(argument == "cli:on")
        elif argument == "fetch":
            self._backfill.fetch()
        elif argument == "attention":
            self.chips.choose(frozenset(("attention",)))
            self._webhooks.attention(True)
        else:
            number = self._webhooks.rows.table.row_of(argument)
            if number >= 0:
                self.table.select_row(number)

    def _deliver(self, **options: object) -> None:
        self._webhooks.act(self._webhooks.deliver, options)

    def _show_listener(self) -> None:
        listener = self._workspace.console.listener
        self.on.setChecked(listener.on)
        self.address.setText(listener.address if listener.on else "off: payments are not noticed")
        self.copy.setEnabled(listener.on)
        self.beat.setEnabled(listener.on)
        heard = listener.last_heard_ms
        if not listener.on:
            self.heard.setText("")
        elif heard is None:
            self.heard.setText("nothing heard yet")
        else:
            self.heard.setText(f"heard {formats.ago(heard, self._workspace.now_ms())}")

    def _show_counts(self, words: str) -> None:
        self.count.setText(words)
        self.stack.setCurrentWidget(self.table if self._webhooks.rows.table.rows else self.none)
        rejected = len(self._webhooks.rejected.rows)
        self.lists.setTabText(1, f"Rejected {formats.count(rejected)}" if rejected else "Rejected")

    async def _replay(self) -> None:
        event = self.inspector.detail.event if self.inspector.detail else None
        if isinstance(event, InboxEvent):
            environment = self._workspace.console.environment.word
            note = f"{event.id} is decided afresh. It can't be counted twice."
            dialog = FormDialog(self, f"Replay {event.type}", environment, "Replay", note)
            reason = field("The customer exists now")
            dialog.add("Reason", reason, required("a reason"))
            if await dialog.ask():
                await self._webhooks.replay(event, reason.text())
