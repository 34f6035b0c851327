"""Names every event that was brought in from Stripe's list."""

from PySide6.QtWidgets import QWidget

from bioql_console.services.missed_events import Fetched
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.widgets.dialogs import Asked
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable

WIDTH, HEIGHT = 620, 240
EVENTS = (
    Column("When", lambda event: formats.short_moment(event.created_ms), Look.MUTED, width=116),
    Column("Event", lambda event: event.type, width=0),
    Column("Id", lambda event: event.id, Look.MONO, width=220),
)


class FetchedDialog(Asked):
    """What was missed; each is decided as if it had been delivered."""

    def __init__(self, parent: QWidget, environment: str, found: Fetched) -> None:
        super().__init__(parent, "Missed events were brought in", environment, "Close", cancel="")
        self.setMinimumWidth(WIDTH)
        brought = formats.plural(len(found.events), "was missed and is", "were missed and are")
        looked_at = formats.plural(found.looked_at, "event", "events")
        self.words = PlainLabel(f"Of {looked_at} of the last 30 days {brought} here now.", "muted").wrapped()
        self.table = DataTable("Missed events")
        self.table.setMinimumHeight(HEIGHT)
        self._rows = RowTable(EVENTS, lambda event: event.id)
        self.table.show_table(self._rows)
        self._rows.show_rows(found.events)
        self.body.addWidget(self.words)
        self.body.addWidget(self.table, 1)
