"""Asking how much of what is owed a link is for."""

from PySide6.QtWidgets import QWidget

from bioql_console.domain.checkout import AmountRefused, chargeable_cents
from bioql_console.domain.money import LARGEST_CHARGE_CENTS, MICROS_PER_CENT, cents_half_up
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.users import User
from bioql_console.ui import formats
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.dialogs import FormDialog
from bioql_console.ui.widgets.fields import field, parse_dollars
from bioql_console.ui.widgets.labels import PlainLabel


class PartLinkDialog(FormDialog):
    """States what is owed, to the last fraction, and what stays owed once the part is paid."""

    def __init__(self, parent: QWidget, environment: str, user: User) -> None:
        note = "An earlier open link is closed: a balance has one at most."
        super().__init__(parent, f"Link for a part · {isolated(user.name)}", environment, "Make link", note)
        self._balance = user.balance
        facts = KeyValues()
        facts.show_rows(
            [
                ("Customer", user.name),
                ("Owed", formats.exact_dollars(user.balance.owed_micros)),
                ("Largest single payment", formats.dollars(LARGEST_CHARGE_CENTS * MICROS_PER_CENT)),
            ]
        )
        self.body.addWidget(facts)
        most = min(cents_half_up(user.balance.owed_micros), LARGEST_CHARGE_CENTS)
        self.amount = field("100.00", "Amount of the link", formats.plain_amount(most * MICROS_PER_CENT))
        self.add("Amount", self.amount, self._amount_problem)
        self.rest = PlainLabel("", "muted").wrapped()
        self.body.addWidget(self.rest)
        self.amount.textChanged.connect(lambda _text: self._say())
        self._say()

    @property
    def micros(self) -> int:
        return parse_dollars(self.amount.text()) or 0

    def _say(self) -> None:
        rest = self._balance.owed_micros - self.micros
        words = f"{formats.exact_dollars(max(0, rest))} stays owed once it is paid."
        if rest < 0:
            words = f"{formats.exact_dollars(-rest)} becomes credit by rounding to whole cents."
        self.rest.setText(words)

    def _amount_problem(self, text: str) -> str:
        micros = parse_dollars(text)
        if micros is None:
            return "Enter an amount in dollars and cents, e.g. 100.00."
        try:
            chargeable_cents(self._balance, micros)
        except AmountRefused as error:
            return f"{error}."
        return ""
