"""How the business and the machinery stand, and what to mend first."""

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from bioql_console.ui.pages.page import Page
from bioql_console.ui.widgets.cards import Card, ChecklistRow, StatTile
from bioql_console.ui.widgets.charts import Sparkline
from bioql_console.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:  # the first frame needs neither
    from bioql_console.ui.vitals import Vitals
    from bioql_console.ui.workspace import Workspace
HEALTH = {
    "stripe": "Stripe integration",
    "webhooks": "Webhooks",
    "threshold": "Invoice threshold",
    "database": "Database",
}
CHECKS = ("keychain", "credentials", "webhook_secret", "stripe", "meter", "price", "customers", "events")
# Shown when they are found; nobody misses a line that says that all is well.
SYMPTOMS = ("unbillable", "api_keys", "missed_payments", "collected_twice", "disputes")

CARD_HEIGHT = 264


class OverviewPage(Page):
    """Figures, health, set-up, last events."""

    name: ClassVar[str] = "overview"
    title: ClassVar[str] = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self.outstanding, self.overdue = StatTile("Outstanding"), StatTile("Overdue")
        self.paid, self.shots = StatTile("Paid, 30 days"), StatTile("Shots, 30 days")
        tiles = QGridLayout()
        tiles.setSpacing(12)
        for number, tile in enumerate((self.outstanding, self.overdue, self.paid, self.shots)):
            tiles.addWidget(tile, 0, number)
            tiles.setColumnStretch(number, 1)
        cards = QHBoxLayout()
        cards.setSpacing(12)
        self.server, self.set_up = Card("Server", "not asked yet"), Card("Set-up", "not checked yet")
        for card in (self.server, self.set_up):
            card.setMinimumHeight(CARD_HEIGHT)
            card.body.addStretch(1)
            cards.addWidget(card, 1)
        self.below = QVBoxLayout()
        self.below.addWidget(PlainLabel("Last events", "title"))
        self.ground = Card()  # the table takes its place once there are events to show
        self.below.addWidget(self.ground, 1)
        self.body.addLayout(tiles)
        self.body.addLayout(cards)
        self.body.addLayout(self.below, 1)
        self.health_rows: dict[str, ChecklistRow] = {}
        self.check_rows: dict[str, ChecklistRow] = {}

    def add_rows(self) -> None:
        """Rows for what is going to be asked, grey until it is answered."""
        self.health_rows = {name: ChecklistRow() for name in HEALTH}
        self.check_rows = {name: ChecklistRow() for name in (*CHECKS, *SYMPTOMS)}
        for card, rows in ((self.server, self.health_rows), (self.set_up, self.check_rows)):
            for row in rows.values():
                card.body.insertWidget(card.body.count() - 1, row)
        self._add_latency()
        self._say_unknown()

    def _add_latency(self) -> None:
        self.latency = PlainLabel("latency", "muted")
        self.latency_course = Sparkline("info")
        row = QHBoxLayout()
        row.addWidget(self.latency)
        row.addWidget(self.latency_course, 1)
        self.server.body.insertLayout(self.server.body.count() - 1, row)

    def _say_unknown(self) -> None:
        for name, words in HEALTH.items():
            self.health_rows[name].show_check(None, words)
        for name, row in self.check_rows.items():
            row.show_check(None, name.replace("_", " ").capitalize())
            row.setVisible(name in CHECKS)

    def attach(self, workspace: "Workspace") -> None:
        from bioql_console.ui.pages.overview_binding import OverviewBinding

        self.add_rows()
        self.binding = OverviewBinding(self, workspace)

    def attach_vitals(self, vitals: "Vitals") -> None:
        """Show what the server says of itself."""
        self.binding.attach_vitals(vitals)
