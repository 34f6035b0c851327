"""Prices and plans, on a tab of the Settings page."""

from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import normal_backend
from bioql_console.domain.rights import Role
from bioql_console.ui.pages.conflict_dialog import settle
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.pages.price_dialogs import LimitsDialog, PriceDialog
from bioql_console.ui.viewmodels.prices import PriceRow, PricesViewModel
from bioql_console.ui.widgets.buttons import Toggle, button
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace


class PricesView(QWidget):
    """The price list with its history; what each plan allows."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(10)
        self.change = button("New price…", lambda: self._model.act(self._ask_price), needs=Role.ADMIN)
        self.another = button("Another backend…", lambda: self._model.act(self._ask_another), needs=Role.ADMIN)
        self.past = Toggle("Past prices")
        head = toolbar(PlainLabel("Price of a shot", "title"), None, self.past, self.another, self.change)
        self.prices = DataTable("Prices")
        self.edit = button("Change plan…", lambda: self._model.act(self._ask_limits), needs=Role.ADMIN)
        self.plans = DataTable("Plans")
        column.addLayout(head)
        column.addWidget(self.prices, 3)
        column.addLayout(toolbar(PlainLabel("Plans", "title"), None, self.edit))
        column.addWidget(self.plans, 2)

    def attach(self, workspace: Workspace) -> PricesViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = PricesViewModel(workspace)
        self.prices.show_table(model.prices)
        self.plans.show_table(model.plans)
        self.prices.selected.connect(lambda _row: self._enable())
        self.plans.selected.connect(lambda _row: self._enable())
        self.prices.opened.connect(lambda _row: model.act(self._ask_price))
        self.plans.opened.connect(lambda _row: model.act(self._ask_limits))
        self.past.clicked.connect(model.show_past)
        model.shown.connect(self._enable)
        self._enable()
        return model

    def _enable(self) -> None:
        self.change.setEnabled(isinstance(self.prices.current_row(), PriceRow))
        self.edit.setEnabled(isinstance(self.plans.current_row(), PlanLimits))

    async def _ask_price(self) -> None:
        row = self.prices.current_row()
        if isinstance(row, PriceRow):
            await self._set_price(PriceDialog(self, self._word(), row.price, self._workspace.now_ms()))

    async def _ask_another(self) -> None:
        await self._set_price(PriceDialog(self, self._word(), None, self._workspace.now_ms()))

    async def _set_price(self, dialog: PriceDialog) -> None:
        seen = self._model.versions()  # as it was begun: others may set prices while it is asked
        if await dialog.ask():
            pattern, reason = normal_backend(dialog.pattern.text()), dialog.reason.text()
            write = partial(self._model.set_price, pattern, dialog.micros, dialog.effective_ms, reason)
            await settle(self, self._model, seen[pattern], write)

    async def _ask_limits(self) -> None:
        limits = self.plans.current_row()
        if isinstance(limits, PlanLimits):
            dialog = LimitsDialog(self, self._word(), limits)
            if await dialog.ask():
                write = partial(self._model.set_limits, dialog.limits(), dialog.reason.text())
                await settle(self, self._model, limits.version, write)

    def _word(self) -> str:
        return self._workspace.console.environment.word
