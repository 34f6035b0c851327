"""A table, or what to say while it has no rows."""

from PySide6.QtWidgets import QStackedWidget

from bioql_console.ui.models.row_table import RowTable
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable


class TableOrWords(QStackedWidget):
    """Shows the words until there is a row."""

    def __init__(self, table: DataTable, words: str) -> None:
        super().__init__()
        self.table = table
        self.words = PlainLabel(words, "muted").wrapped()
        self.words.setContentsMargins(0, 8, 0, 8)
        self.addWidget(self.words)
        self.addWidget(table)

    def show_table(self, model: RowTable) -> None:
        """Show a model, and follow whether it has rows."""
        self.table.show_table(model)
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setCurrentWidget(self.table if self.table.model().rowCount() else self.words)
