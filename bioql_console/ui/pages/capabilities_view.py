"""What a key can and can't do, one row each, with the cure."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from bioql_console.services.key_capabilities import Capability, Verdict
from bioql_console.services.key_permissions import advice
from bioql_console.ui.viewmodels.credentials import KeyExplored
from bioql_console.ui.widgets.buttons import CopyButton
from bioql_console.ui.widgets.cards import clear
from bioql_console.ui.widgets.labels import PlainLabel, StatePill

LOOKS = {Verdict.WORKS: "ok", Verdict.LACKS: "bad", Verdict.LOCKED: "unknown", Verdict.UNKNOWN: "unknown"}
PILLS = {Verdict.WORKS: "Works", Verdict.LACKS: "Can't", Verdict.LOCKED: "Not tried", Verdict.UNKNOWN: "Not known"}


class CapabilitiesView(QWidget):
    """Hidden until a key was explored."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(8)
        self.account = PlainLabel("", "strong").wrapped().selectable()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self.advice = PlainLabel("", "muted").wrapped().selectable()
        self.copy = CopyButton("Copy permissions", advice, "the list of permissions")
        self.copy.setToolTip("What to set for a restricted key on Stripe's API keys page")
        column.addWidget(self.account)
        column.addLayout(self._grid)
        column.addWidget(self.advice)
        column.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        self.rows: dict[str, tuple[str, str]] = {}
        self.hide()

    def show_explored(self, explored: KeyExplored) -> None:
        self.account.setText(f"The key works: {explored.account}")
        clear(self._grid)
        self.rows = {each.title: (PILLS[each.verdict], _words(each)) for each in explored.capabilities}
        for number, each in enumerate(explored.capabilities):
            pill = StatePill(PILLS[each.verdict], LOOKS[each.verdict])
            words = PlainLabel(f"{each.title}\n{_words(each)}" if _words(each) else each.title).wrapped().selectable()
            words.setToolTip(", ".join(str(permission) for permission in each.needs))
            self._grid.addWidget(pill, number, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(words, number, 1)
        self.advice.setText(_advice(explored))
        self.show()


def _words(each: Capability) -> str:
    if each.verdict is Verdict.LACKS:
        return each.cure
    if each.verdict is Verdict.LOCKED:
        return "Not tried: LIVE is locked. The first refusal would name what is missing."
    return "Stripe did not answer this." if each.verdict is Verdict.UNKNOWN else ""


def _advice(explored: KeyExplored) -> str:
    reach = explored.reach
    if not reach.restricted:
        return (
            "This key is unrestricted: whoever steals it can do anything with the account. Make a restricted key "
            "(rk_…) on Stripe's API keys page, with these permissions and no others."
        )
    parts = []
    if reach.needless:
        parts.append(f"It may also read {', '.join(reach.needless)}, which the console never does; set them to None.")
    if reach.trouble is not None:
        parts.append(reach.trouble.sentence())
    return " ".join(parts) or "Nothing was found that the key may do and the console does not need."
