"""Buttons that stay off while a right is missing, and say which."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QAbstractButton, QWidget

if TYPE_CHECKING:  # the first frame knows nobody's rights
    from bioql_console.domain.rights import Rights, Role

    _Button = QAbstractButton
else:
    _Button = object


class Gate(_Button):
    """Mixed into a button. A page switches it on and off as ever; without the right it stays off.

    `needs` is the role that pressing it takes; None for what everybody may do.
    """

    needs: "Role | None" = None
    _lacking = ""
    _wanted = True
    _own_tip = ""

    def follow(self, rights: "Rights") -> None:
        """Heed what one may do."""
        if self.needs is None:
            return
        if not self._lacking:
            self._own_tip = self.toolTip()
        self._lacking = rights.lacking(self.needs)
        self.setToolTip(self._lacking or self._own_tip)
        self.setAccessibleDescription(self._lacking)
        self.setEnabled(self._wanted)

    def setEnabled(self, on: bool) -> None:
        self._wanted = on
        super().setEnabled(on and not self._lacking)

    def setDisabled(self, off: bool) -> None:
        self.setEnabled(not off)


def follow_rights(page: QWidget, rights: "Rights") -> None:
    """Let every button of a page heed what one may do."""
    for each in page.findChildren(QAbstractButton):
        if isinstance(each, Gate):
            each.follow(rights)
