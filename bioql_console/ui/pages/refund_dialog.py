"""Asking how much of a payment goes back, why, and what becomes of the debt."""

from PySide6.QtWidgets import QComboBox, QWidget

from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.refunds import Refundable, RefundReason
from bioql_console.ui import formats
from bioql_console.ui.widgets.buttons import Toggle
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import Labelled, field, parse_dollars
from bioql_console.ui.widgets.labels import PlainLabel

WORDS = {
    RefundReason.REQUESTED: "The customer asked for it",
    RefundReason.DUPLICATE: "Paid twice",
    RefundReason.FRAUDULENT: "Fraud",
}


class RefundDialog(FormDialog):
    """States the payment and what will happen, before it happens."""

    def __init__(self, parent: QWidget, environment: str, seen: Refundable) -> None:
        note = (
            "Stripe gives the money back to the card or bank it came from. A refund can't be taken back. Stripe keeps "
            "its fee for the payment; fees are not part of these books."
        )
        super().__init__(parent, f"Refund {isolated(seen.user.name)}", environment, "Refund", note)
        self._seen = seen
        facts = KeyValues()
        facts.show_rows(
            [
                ("Payment", seen.payment_intent),
                ("Paid for", seen.paid_for),
                ("Paid", _dollars(seen.paid_cents)),
                ("Refunded so far", _dollars(seen.refunded_cents)),
                ("Left", _dollars(seen.left_cents)),
            ]
        )
        self.body.addWidget(facts)
        self.amount = field("50.00", "Amount to refund", formats.plain_amount(seen.left_cents * MICROS_PER_CENT))
        self.reason = QComboBox()
        for words in WORDS.values():
            self.reason.addItem(words)
        self.note = field("Run 4711 failed on our side", "Reason in words")
        self.forgive = Toggle("Forgive the debt as well")
        self.forgive.setChecked(True)
        self.outcome = PlainLabel("", "muted").wrapped()
        self.add("Amount", self.amount, self._amount_problem)
        self.body.addWidget(Labelled("Reason for Stripe", self.reason))
        self.add("Reason, for whoever reads the activity trail", self.note, required("a reason"))
        self.body.addWidget(self.forgive)
        self.body.addWidget(self.outcome)
        self.amount.textChanged.connect(lambda _text: self._say())
        self.forgive.clicked.connect(lambda _on: self._say())
        self._say()

    @property
    def cents(self) -> int:
        return (parse_dollars(self.amount.text()) or 0) // MICROS_PER_CENT

    @property
    def chosen(self) -> RefundReason:
        return list(WORDS)[self.reason.currentIndex()]

    def _say(self) -> None:
        money = _dollars(self.cents)
        if self.forgive.isChecked():
            words = f"{money} goes back and is not owed any more: an adjustment over the same amount is posted."
        else:
            words = f"{money} goes back and is owed again: the next link or invoice collects it."
        self.outcome.setText(words)

    def _amount_problem(self, text: str) -> str:
        micros = parse_dollars(text)
        if micros is None or not 0 < micros <= self._seen.left_cents * MICROS_PER_CENT:
            return f"Enter an amount up to {_dollars(self._seen.left_cents)}."
        return ""


def _dollars(cents: int) -> str:
    return formats.dollars(cents * MICROS_PER_CENT)
