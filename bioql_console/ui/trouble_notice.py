"""Says on every page that the ledger can't be written or read, for as long as it can't."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from bioql_console.ui.widgets.cards import NoticePlace

if TYPE_CHECKING:  # the first frame needs none of it
    from bioql_console.ui.vitals import Vitals

SIDE, ABOVE = 18, 12
# Where a sign of life about books that don't hold leads.
BOOKS_PAGE = "activity"


class TroubleNotice(NoticePlace):
    """Follows the database's sign of life. Retry looks again, and tries to write when that had failed."""

    def __init__(self) -> None:
        super().__init__(self._look_again)
        self._vitals: Vitals | None = None

    def follow(self, vitals: "Vitals") -> None:
        self._vitals = vitals
        vitals.changed.connect(self._show)

    def forget(self) -> None:
        self._vitals = None
        self.clear_notice()

    @Slot(str)
    def _show(self, name: str) -> None:
        if name != "database" or self._vitals is None:
            return
        sign = self._vitals.signs[name]
        # Books that don't hold have a band of their own, with the way back.
        bad = sign.state == "bad" and sign.page != BOOKS_PAGE
        if bad:
            self.bar.show_notice(sign.reason, sign.cure, retry=True)
        else:
            self.clear_notice()
        self.setContentsMargins(SIDE, ABOVE if bad else 0, SIDE, 0)

    def _look_again(self) -> None:
        if self._vitals is not None:
            self._vitals.look_at_database()
            self._show("database")  # it stays until the answer says otherwise
