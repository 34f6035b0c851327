"""How the business and the machinery stand, and what to mend first."""

from typing import ClassVar

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from bioql_console.domain.environment import Environment
from bioql_console.domain.overview import Figures
from bioql_console.services.doctor import CheckResult
from bioql_console.services.server_health import HealthReport
from bioql_console.ui import formats
from bioql_console.ui.pages.page import Page, Pressed
from bioql_console.ui.viewmodels.overview import SET_UP, OverviewViewModel
from bioql_console.ui.vitals import Vitals
from bioql_console.ui.widgets.cards import Card, ChecklistRow, StatTile
from bioql_console.ui.widgets.charts import Sparkline
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

# Check → the button's words, the page that mends it, and what that page is told.
CURES = {
    "keychain": ("Open Settings", "settings", "credentials"),
    "credentials": ("Enter key…", "settings", "credentials"),
    "webhook_secret": ("Enter secret…", "settings", "credentials"),
    "stripe": ("Open Settings", "settings", "credentials"),
    "meter": ("Create…", "meter", "create"),
    "price": ("Create…", "meter", "create"),
    "customers": ("Show them", "users", "filter:no_customer"),
    "events": ("Show them", "webhooks", "attention"),
}

ENABLED = {True: "enabled", False: "DISABLED", None: "the server does not say"}


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
        self.health_rows = {name: ChecklistRow() for name in ("stripe", "webhooks", "threshold", "database")}
        self.check_rows = {name: ChecklistRow() for name in SET_UP}
        for card, rows in ((self.server, self.health_rows), (self.set_up, self.check_rows)):
            for row in rows.values():
                card.body.addWidget(row)
            cards.addWidget(card, 1)
        self._add_latency()
        for card in (self.server, self.set_up):
            card.body.addStretch(1)
        self.events = DataTable("Last events")
        below = QVBoxLayout()
        below.addWidget(PlainLabel("Last events", "title"))
        below.addWidget(self.events, 1)
        self.body.addLayout(tiles)
        self.body.addLayout(cards)
        self.body.addLayout(below, 1)
        self._say_unknown()

    def _add_latency(self) -> None:
        self.latency = PlainLabel("latency", "muted")
        self.latency_course = Sparkline("info")
        row = QHBoxLayout()
        row.addWidget(self.latency)
        row.addWidget(self.latency_course, 1)
        self.server.body.addLayout(row)

    def _say_unknown(self) -> None:
        for name, words in (
            ("stripe", "Stripe integration"),
            ("webhooks", "Webhooks"),
            ("threshold", "Invoice threshold"),
            ("database", "Database"),
        ):
            self.health_rows[name].show_check(None, words)
        for name, row in self.check_rows.items():
            row.show_check(None, name.replace("_", " ").capitalize())

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = OverviewViewModel(workspace)
        self.adopt(model)
        self._model = model
        self.events.show_table(model.events)
        self.events.opened.connect(lambda event: workspace.page_asked.emit("webhooks", event.id))
        model.figures_known.connect(self._show_figures)
        model.checks_known.connect(self._show_checks)

    def attach_vitals(self, vitals: Vitals) -> None:
        """Show what the server says of itself."""
        self._vitals = vitals
        vitals.health_known.connect(self._show_health)
        if vitals.health is not None:
            self._show_health(vitals.health)

    def _show_figures(self, figures: Figures) -> None:
        outstanding, overdue = figures.outstanding_micros, figures.overdue_micros
        paid, shots = figures.paid_micros, figures.shots
        owing = formats.plural(outstanding.count, "customer", "customers")
        late = formats.plural(overdue.count, "customer", "customers")
        self.outstanding.show_figure(formats.dollars(outstanding.value), owing, outstanding.history)
        tone = "bad" if overdue.value else ""
        self.overdue.show_figure(formats.dollars(overdue.value), late, overdue.history, tone)
        payments = formats.plural(paid.count, "payment", "payments")
        self.paid.show_figure(formats.dollars(paid.value), payments, paid.history)
        backends = formats.plural(shots.count, "backend", "backends")
        self.shots.show_figure(formats.count(shots.value), backends, shots.history)

    def _show_checks(self, checks: list[CheckResult]) -> None:
        good = 0
        for check in checks:
            good += check.ok is True
            self.check_rows[check.id].show_check(check.ok, check.what, check.cure, self._cure(check.id))
        self.set_up.note.setText(f"{good} of {len(checks)}")

    def _cure(self, check: str) -> tuple[str, Pressed]:
        words, page, argument = CURES[check]
        return words, lambda: self._workspace.page_asked.emit(page, argument)

    def _show_health(self, report: HealthReport) -> None:
        self.server.note.setText(
            " · ".join(part for part in (report.url, report.version and f"version {report.version}") if part)
        )
        restart = self._restart()
        stripe_words = f"Stripe integration: {ENABLED[report.stripe_enabled]}"
        webhook_words = f"Webhooks: {ENABLED[report.webhooks_enabled]}"
        if not report.reachable:
            stripe_words, webhook_words = report.words, "Webhooks: not known"
        stripe_wrong = not report.reachable or report.stripe_enabled is False
        cure = report.words if report.reachable else report.cure
        ok = False if not report.reachable else report.stripe_enabled
        self.health_rows["stripe"].show_check(ok, stripe_words, cure, restart)
        quiet = None if stripe_wrong else restart
        hooks_cure = "" if stripe_wrong else report.words
        self.health_rows["webhooks"].show_check(report.webhooks_enabled, webhook_words, hooks_cure, quiet)
        threshold = self._workspace.console.settings().invoice_threshold_cents * 10_000
        self.health_rows["threshold"].show_check(True, f"Invoice threshold: {formats.dollars(threshold)}")
        said = report.database
        database = {"connected": True, "ok": True}.get(said, None if not said else False)
        self.health_rows["database"].show_check(database, f"Database: {said or 'the server does not say'}")
        self._show_latency()

    def _restart(self) -> tuple[str, Pressed]:
        """An external server is restarted with the secrets; our own has them and needs only to run."""
        external = bool(self._workspace.console.settings().external_command)
        words, argument = ("Restart with secrets", "restart") if external else ("Start", "start")
        if self._workspace.console.environment is not Environment.SANDBOX and not external:
            words = "Open Server"
        return words, lambda: self._workspace.page_asked.emit("server", argument)

    def _show_latency(self) -> None:
        latencies = tuple(self._vitals.latencies)
        self.latency_course.show_values(latencies)
        looks = formats.plural(len(latencies), "look", "looks")
        self.latency.setText(f"latency {latencies[-1]} ms · {looks}" if latencies else "latency not known")
