"""One event beside the list: content, raw bytes, signature, and what it did to the ledger."""

import json
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget, QTabWidget, QTreeWidget, QTreeWidgetItem

from bioql_console.domain.plain_text import in_line, in_short_lines
from bioql_console.domain.rights import Role
from bioql_console.domain.webhooks import EventState
from bioql_console.ui import formats
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.theme import mono_font
from bioql_console.ui.viewmodels import event_columns as columns
from bioql_console.ui.viewmodels.webhooks import EventDetail
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.cards import Card, EmptyState, KeyValues
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, StatePill

NARROWEST = 380
MOST_NODES = 2_000


class EventInspector(QStackedWidget):
    """Signals: `replay_asked`, `user_asked` with a user's id."""

    replay_asked = Signal()
    user_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(NARROWEST)
        self.detail: EventDetail | None = None
        self.empty = EmptyState("No event chosen", "Choose one in the list: what it says and what it did appear here.")
        self.card = Card()
        self.type, self.state = ElidedLabel("", "heading"), StatePill()
        self.id = PlainLabel("", "mono").selectable()
        self.reason = PlainLabel().wrapped().selectable()
        self.replay = button("Replay…", self.replay_asked.emit, "primary", needs=Role.OPERATOR)
        self.replay.setToolTip("Decides a quarantined event again, after its cause was mended")
        self.user = button("Show customer", self._show_user)
        self.copy = CopyButton("Copy id", lambda: self.detail.event.id if self.detail else "", "the event's id")
        head = toolbar(self.state)
        head.insertWidget(0, self.type, 1)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Field", "Value"])
        self.tree.setColumnWidth(0, 190)
        self.tree.setAccessibleName("The event's content")
        self.raw = QPlainTextEdit()
        self.raw.setReadOnly(True)
        self.raw.setFont(mono_font())
        self.raw.setAccessibleName("Raw body")
        self.facts = KeyValues()
        self.postings = KeyValues()
        facts, effect = Card(), Card()
        facts.body.addWidget(self.facts)
        facts.body.addStretch(1)
        effect.body.addWidget(self.postings)
        effect.body.addStretch(1)
        tabs = QTabWidget()
        tabs.setAccessibleName("About this event")
        for widget, title in ((self.tree, "Content"), (effect, "Ledger"), (facts, "Delivery"), (self.raw, "Raw")):
            tabs.addTab(widget, title)
        self.card.body.addLayout(head)
        for label in (self.id, self.reason):
            self.card.body.addWidget(label)
        self.card.body.addLayout(toolbar(self.replay, self.user, self.copy, None))
        self.card.body.addWidget(tabs, 1)
        self.addWidget(self.empty)
        self.addWidget(self.card)

    def show_detail(self, detail: EventDetail | None) -> None:
        self.detail = detail
        self.setCurrentWidget(self.card if detail else self.empty)
        if detail is None:
            return
        event = detail.event
        self.type.setText(event.type)
        self.state.show_state(columns.WORDS[event.state], columns.TONES[event.state])
        self.id.setText(event.id)
        self.reason.setText(event.reason)
        self.reason.setVisible(bool(event.reason))
        self.replay.setVisible(event.state is EventState.QUARANTINED)
        self.user.setVisible(event.user_id is not None)
        self.raw.setPlainText(in_short_lines(json.dumps(detail.content, indent=2, ensure_ascii=False)))
        self.tree.clear()
        self._nodes = 0
        self._grow(self.tree.invisibleRootItem(), detail.content)
        self.tree.expandToDepth(1)
        self._show_facts(detail)

    def _grow(self, parent: QTreeWidgetItem, content: Any) -> None:
        named = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in named:
            self._nodes += 1
            if self._nodes > MOST_NODES:
                return  # an event of a megabyte is read in the Raw tab
            nested = isinstance(value, (dict, list))
            words = "" if nested and value else json.dumps(value, ensure_ascii=False).strip('"')
            item = QTreeWidgetItem(parent, [in_line(str(name)), in_line(words)])
            item.setFont(1, mono_font())
            if nested:
                self._grow(item, value)

    def _show_facts(self, detail: EventDetail) -> None:
        event, raw = detail.event, detail.raw
        took = "not applied yet" if event.took_ms is None else f"{formats.count(event.took_ms)} ms after receipt"
        self.facts.show_rows(
            [
                ("Signature", detail.verdict),
                ("Header", raw.signature or "none"),
                ("Made at Stripe", formats.moment(event.created_ms)),
                ("Received", f"{formats.moment(event.received_ms)} by {event.source.value.upper()}"),
                ("Applied", took),
                ("API version", raw.api_version or "not said"),
                ("Mode", "live" if raw.livemode else "test"),
                ("Size", f"{formats.count(len(raw.body))} bytes"),
            ]
        )
        rows = [
            (posting.account.value.replace("_", " "), formats.signed_dollars(posting.micros))
            for posting in detail.postings
        ]
        self.postings.show_rows(rows or [("Postings", "none: this event moved no money")])

    def _show_user(self) -> None:
        if self.detail and self.detail.event.user_id is not None:
            self.user_asked.emit(self.detail.event.user_id)
