"""One difference in full: both sides, its cause, what it means, and what mends it."""

from PySide6.QtWidgets import QStackedWidget, QWidget

from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.rights import Role
from bioql_console.ui import formats
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.viewmodels.reconcile import cents, signed_cents
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.cards import Card, EmptyState, KeyValues, line
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import field
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel

NARROWEST = 340


class DifferencePanel(QStackedWidget):
    """Shows the difference that is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(NARROWEST)
        self.difference: Difference | None = None
        self.card = Card()
        self.headline = PlainLabel("", "heading").wrapped()
        self.about = ElidedLabel("", "muted")
        self.cause = PlainLabel().wrapped().selectable()
        self.facts = KeyValues()
        self.plan = PlainLabel("", "strong").wrapped().selectable()
        self.meaning = PlainLabel("", "muted").wrapped()
        self.repair = button("Repair…", look="primary", needs=Role.OPERATOR)
        self.accept = button("Accept…", needs=Role.OPERATOR)
        self.user = button("Show customer")
        self.copy = CopyButton("Copy id", lambda: self.difference.stripe_id if self.difference else "", "the id")
        for part in (self.headline, self.about, self.cause, self.meaning, line(), self.facts, line(), self.plan):
            self.card.body.addWidget(part)
        self.card.body.addLayout(toolbar(self.repair, self.accept, None))
        self.card.body.addLayout(toolbar(self.user, self.copy, None))
        self.card.body.addStretch(1)
        self.addWidget(
            EmptyState("No difference chosen", "Choose one in the table: both sides and what mends it appear here.")
        )
        self.addWidget(self.card)

    def show_difference(self, one: Difference | None, mended: str = "") -> None:
        self.difference = one
        self.setCurrentIndex(1 if one else 0)
        if one is None:
            return
        words = one.kind.value
        self.headline.setText(words.title)
        self.about.setText(one.stripe_id)
        self.cause.setText(one.cause)
        self.meaning.setText(words.consequence)
        rows = [
            ("User", one.user_name),
            ("Customer", one.customer),
            ("UTC day", one.day),
            ("Since", formats.moment_utc(one.since_ms)),
            ("Books", cents(one.ledger_cents)),
            ("Stripe", cents(one.stripe_cents)),
            ("Stripe − books", signed_cents(one.off_cents) if one.comparable else ""),
        ]
        self.facts.show_rows([row for row in rows if row[1]])
        self.plan.setText(f"{mended}. Reconcile again to see that it is gone." if mended else one.repair_words)
        self.user.setVisible(one.user_id is not None)
        self.repair.setVisible(one.can_be_repaired)


class RemarkDialog(FormDialog):
    """States what will be done to which differences, and asks why."""

    def __init__(
        self, parent: QWidget, title: str, environment: str, accept: str, rows: list[tuple[str, str]], note: str
    ) -> None:
        super().__init__(parent, title, environment, accept, note)
        facts = KeyValues()
        facts.show_rows(rows)
        self.body.addWidget(facts)
        self.remark = field("Found in Stripe's dashboard, agreed with finance")
        self.add("Remark, for whoever reads the activity trail", self.remark, required("a remark"))
