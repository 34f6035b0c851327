"""What the Overview shows once there is a console: figures, checks, health."""

from bioql_console.domain.overview import Figures
from bioql_console.services.checks import CheckResult
from bioql_console.services.server_health import HealthReport
from bioql_console.ui import formats
from bioql_console.ui.pages.overview import CHECKS, SYMPTOMS, OverviewPage
from bioql_console.ui.pages.page import Pressed
from bioql_console.ui.viewmodels.overview import OverviewViewModel
from bioql_console.ui.vitals import Vitals
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

# Check → the button's words, the page that mends it, and what that page is told.
CURES = {
    "keychain": ("Open Settings", "settings", "credentials"),
    "credentials": ("Enter key…", "settings", "credentials"),
    "webhook_secret": ("Enter secret…", "settings", "credentials"),
    "stripe": ("Open Settings", "settings", "credentials"),
    "meter": ("Set up…", "meter", "repair"),
    "price": ("Set up…", "meter", "repair"),
    "customers": ("Show them", "users", "filter:no_customer"),
    "events": ("Show them", "webhooks", "attention"),
    "unbillable": ("Show them", "users", "filter:no_customer"),
    "api_keys": ("Look it up", "users", "search:"),
    "missed_payments": ("Fetch them", "webhooks", "fetch"),
    "collected_twice": ("Show outbox", "meter", None),
    "disputes": ("Show them", "payments", "money_back"),
}

ENABLED = {True: "enabled", False: "DISABLED", None: "the server does not say"}


class OverviewBinding:
    """Fills the page. Kept apart from it because the first frame needs none of this."""

    def __init__(self, page: OverviewPage, workspace: Workspace) -> None:
        self._page, self._workspace = page, workspace
        model = OverviewViewModel(workspace, (*CHECKS, *SYMPTOMS))
        page.adopt(model)
        self.events = DataTable("Last events")
        self.events.show_table(model.events)
        self.events.opened.connect(lambda event: workspace.page_asked.emit("webhooks", event.id))
        page.below.replaceWidget(page.ground, self.events)
        page.ground.deleteLater()
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
        self._page.outstanding.show_figure(formats.dollars(outstanding.value), owing, outstanding.history)
        tone = "bad" if overdue.value else ""
        self._page.overdue.show_figure(formats.dollars(overdue.value), late, overdue.history, tone)
        payments = formats.plural(paid.count, "payment", "payments")
        self._page.paid.show_figure(formats.dollars(paid.value), payments, paid.history)
        backends = formats.plural(shots.count, "backend", "backends")
        self._page.shots.show_figure(formats.count(shots.value), backends, shots.history)

    def _show_checks(self, checks: list[CheckResult]) -> None:
        good = 0
        for check in checks:
            good += check.ok is True
            row = self._page.check_rows[check.id]
            row.show_check(check.ok, check.what, check.cure, self._cure(check))
            row.setVisible(check.id in CHECKS or check.ok is False)
        self._page.set_up.note.setText(f"{good} of {len(checks)}")

    def _cure(self, check: CheckResult) -> tuple[str, Pressed]:
        words, page, argument = CURES[check.id]
        if argument == "search:":
            argument += check.subject
        return words, lambda: self._workspace.page_asked.emit(page, argument)

    def _show_health(self, report: HealthReport) -> None:
        self._page.server.note.setText(
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
        self._page.health_rows["stripe"].show_check(ok, stripe_words, cure, restart)
        quiet = None if stripe_wrong else restart
        hooks_cure = "" if stripe_wrong else report.words
        self._page.health_rows["webhooks"].show_check(report.webhooks_enabled, webhook_words, hooks_cure, quiet)
        threshold = self._workspace.console.settings().invoice_threshold_cents * 10_000
        self._page.health_rows["threshold"].show_check(True, f"Invoice threshold: {formats.dollars(threshold)}")
        said = report.database
        database = {"connected": True, "ok": True}.get(said, None if not said else False)
        self._page.health_rows["database"].show_check(database, f"Database: {said or 'the server does not say'}")
        self._show_latency()

    def _restart(self) -> tuple[str, Pressed]:
        """An external server is restarted with the secrets; our own has them and needs only to run."""
        external = bool(self._workspace.console.settings().external_command)
        words, argument = ("Restart with secrets", "restart") if external else ("Start", "start")
        if self._workspace.console.sandbox is None and not external:
            words = "Open Server"
        return words, lambda: self._workspace.page_asked.emit("server", argument)

    def _show_latency(self) -> None:
        latencies = tuple(self._vitals.latencies)
        self._page.latency_course.show_values(latencies)
        looks = formats.plural(len(latencies), "look", "looks")
        self._page.latency.setText(f"latency {latencies[-1]} ms · {looks}" if latencies else "latency not known")
