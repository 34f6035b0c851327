"""Asking what becomes of a dispute: answering it with evidence, or accepting it."""

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from bioql_console.domain.refunds import MoneyBack
from bioql_console.services.refunds import LONGEST_EVIDENCE
from bioql_console.ui import formats
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.dialogs import Asked, FormDialog, required
from bioql_console.ui.widgets.fields import Labelled, field
from bioql_console.ui.widgets.labels import PlainLabel

LINES = 8


def facts_of(dispute: MoneyBack) -> list[tuple[str, str]]:
    """What the bank says, in rows."""
    due = formats.moment(dispute.due_ms) if dispute.due_ms is not None and dispute.to_answer else "—"
    return [
        ("Customer", dispute.user_name or "not in our books"),
        ("Payment", dispute.payment_intent),
        ("Contested", formats.dollars(dispute.cents * 10_000)),
        ("The bank's reason", dispute.reason.replace("_", " ") or "—"),
        ("Answer by", due),
    ]


class EvidenceDialog(Asked):
    """Words for the bank. They are submitted once."""

    def __init__(self, parent: QWidget, environment: str, dispute: MoneyBack) -> None:
        super().__init__(parent, "Answer dispute", environment, "Submit to the bank")
        facts = KeyValues()
        facts.show_rows(facts_of(dispute))
        self.body.addWidget(facts)
        words = (
            "Say what was run, when and for whom, and how the customer agreed to pay. The bank sees exactly this, "
            "once: it can't be changed afterwards. Documents are uploaded in Stripe's dashboard."
        )
        self.body.addWidget(PlainLabel(words, "muted").wrapped())
        self.evidence = QPlainTextEdit()
        self.evidence.setAccessibleName("Evidence")
        self.evidence.setTabChangesFocus(True)
        self.evidence.setMinimumHeight(self.evidence.fontMetrics().lineSpacing() * LINES)
        self._labelled = Labelled("Evidence", self.evidence)
        self.body.addWidget(self._labelled)

    def problem(self) -> bool:
        length = len(self.evidence.toPlainText().strip())
        words = "" if length else "Enter the evidence."
        if length > LONGEST_EVIDENCE:
            words = f"Stripe takes {formats.count(LONGEST_EVIDENCE)} characters; these are {formats.count(length)}."
        self._labelled.complain(words)
        return bool(words)


class AcceptDialog(FormDialog):
    """The cardholder keeps the money."""

    def __init__(self, parent: QWidget, environment: str, dispute: MoneyBack) -> None:
        held = formats.dollars(dispute.cents * 10_000)
        note = (
            f"The bank keeps {held}. {dispute.user_name} owes it again, and it can't be contested any more. Stripe's "
            "fee for the dispute is not part of these books."
        )
        super().__init__(parent, "Accept dispute", environment, "Accept dispute", note)
        facts = KeyValues()
        facts.show_rows(facts_of(dispute))
        self.body.addWidget(facts)
        self.reason = field("The card was stolen")
        self.add("Reason, for whoever reads the activity trail", self.reason, required("a reason"))
