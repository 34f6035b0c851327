"""Server: what runs where, how it is, what it says, and the one click that gives it its secrets."""

from typing import Any, ClassVar

from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit

from bioql_console.domain.rights import Role
from bioql_console.services.server_health import HealthReport
from bioql_console.ui.pages.page import Page, open_in_browser, toolbar
from bioql_console.ui.theme import mono_font
from bioql_console.ui.viewmodels.server import ServerViewModel
from bioql_console.ui.vitals import Vitals
from bioql_console.ui.widgets.buttons import CopyButton, Toggle, button
from bioql_console.ui.widgets.cards import Card, KeyValues
from bioql_console.ui.widgets.charts import Sparkline
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.workspace import Workspace

SAYS = {True: "enabled", False: "DISABLED", None: "it does not say"}


class ServerPage(Page):
    """The embedded server and the external one, side by side."""

    name: ClassVar[str] = "server"
    title: ClassVar[str] = "Server"

    def __init__(self) -> None:
        super().__init__()
        columns = QHBoxLayout()
        columns.setSpacing(12)
        columns.addWidget(self._own_card(), 1)
        columns.addWidget(self._external_card(), 1)
        self.body.addLayout(columns, 1)

    def _own_card(self) -> Card:
        card = Card("Embedded server", "the API, the listener and the dashboard, in this window")
        self.own_on = Toggle("Running")
        self.own_on.needs = Role.OPERATOR
        self.own_state = StatePill("off")
        self.own_address = CopyButton("Copy address", lambda: self._server.console.server.url, "the address")
        self.dashboard = button("Open dashboard", self._open_dashboard)
        self.own_report = QPlainTextEdit()
        self.own_report.setReadOnly(True)
        self.own_report.setFont(mono_font())
        self.own_report.setAccessibleName("Start-up report")
        self.own_facts = KeyValues()
        self.latency = Sparkline("info")
        card.body.addLayout(toolbar(self.own_state, None, self.own_on))
        card.body.addWidget(self.own_facts)
        card.body.addLayout(toolbar(self.dashboard, self.own_address, None))
        card.body.addWidget(PlainLabel("Latency", "muted"))
        card.body.addWidget(self.latency)
        card.body.addWidget(PlainLabel("Start-up report", "muted"))
        card.body.addWidget(self.own_report, 1)
        return card

    def _external_card(self) -> Card:
        card = Card("External server", "a command of yours, started with the keychain's secrets")
        self.external_state = StatePill("not asked yet")
        self.external_words = PlainLabel().wrapped()
        self.external_facts = KeyValues()
        self.restart = button("Restart with the keychain's secrets", self._restart, "primary", needs=Role.OPERATOR)
        self.stop = button("Stop", lambda: self._server.act(self._server.stop_external), needs=Role.OPERATOR)
        self.configure = button("Configure…", lambda: self._workspace.page_asked.emit("settings", "external"))
        self.tail = QPlainTextEdit()
        self.tail.setReadOnly(True)
        self.tail.setFont(mono_font())
        self.tail.setAccessibleName("Its last output")
        self.tail.setPlaceholderText("What it prints appears here, with secrets taken out.")
        card.body.addLayout(toolbar(self.external_state, None, self.configure))
        card.body.addWidget(self.external_words)
        card.body.addWidget(self.external_facts)
        card.body.addLayout(toolbar(self.restart, self.stop, None))
        card.body.addWidget(PlainLabel("Output", "muted"))
        card.body.addWidget(self.tail, 1)
        return card

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._server = ServerViewModel(workspace)
        self.adopt(model)
        self.own_on.clicked.connect(lambda checked: model.act(model.switch, checked))
        self.own_address.copied.connect(workspace.toasted)
        model.own_changed.connect(self._show_own)
        model.failed.connect(lambda _error: self._show_own())
        model.external_known.connect(self._show_external)
        model.tail_known.connect(self._show_tail)
        model.busy_changed.connect(self._lock)
        self._show_own()

    def attach_vitals(self, vitals: Vitals) -> None:
        """Show the latency of the watched server."""
        vitals.health_known.connect(lambda _report: self.latency.show_values(tuple(vitals.latencies)))
        self.latency.show_values(tuple(vitals.latencies))

    def show_argument(self, argument: Any) -> None:
        if argument == "restart":
            self._restart()
        elif argument == "start":
            self._server.act(self._server.switch, True)

    def _lock(self, busy: bool) -> None:
        self.restart.setDisabled(busy)
        self.own_on.setDisabled(busy)

    def _show_own(self) -> None:
        server = self._workspace.console.server
        self.own_on.setChecked(server.running)
        self.own_state.show_state(*(("running", "ok") if server.running else ("off", "unknown")))
        rows = [
            ("Address", server.url),
            ("Webhooks", server.webhook_url),
            ("Dashboard", f"{server.url}/dashboard.html"),
        ]
        if server.failure is not None and not server.running:
            rows = [("Why", server.failure.what), ("Next", server.failure.fix)]
        self.own_facts.show_rows(rows)
        self.own_report.setPlainText("\n".join(server.report))
        self.dashboard.setEnabled(server.running)
        self.own_address.setEnabled(server.running)

    def _show_external(self, report: HealthReport | None) -> None:
        external = self._workspace.console.external
        self.restart.setEnabled(external.configured)
        self.stop.setEnabled(external.running)
        if report is None:
            self.external_state.show_state("not configured", "unknown")
            self.external_words.setText(
                "Name its command, folder and health address in Settings. The console then sees when it was started "
                "without its Stripe credentials, and restarts it with them."
            )
            self.external_facts.show_rows([])
            return
        state = (
            ("healthy", "ok") if report.healthy else ("needs attention" if report.reachable else "not reachable", "bad")
        )
        self.external_state.show_state(*state)
        self.external_words.setText(" ".join(part for part in (report.words, report.cure) if part))
        settings = self._workspace.console.settings()
        rows = [
            ("Health address", report.url),
            ("Command", " ".join(settings.external_command)),
            ("Process", external.words),
        ]
        if report.reachable:
            rows += [
                ("Stripe integration", SAYS[report.stripe_enabled]),
                ("Webhooks", SAYS[report.webhooks_enabled]),
                ("Version", report.version or "it does not say"),
                ("Latency", f"{report.latency_ms} ms"),
            ]
        self.external_facts.show_rows(rows)

    def _show_tail(self, lines: list[str]) -> None:
        text = "\n".join(lines)
        if text != self.tail.toPlainText():
            self.tail.setPlainText(text)
            bar = self.tail.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _restart(self) -> None:
        if self.model is not None:
            self._server.act(self._ask_and_restart)

    async def _ask_and_restart(self) -> None:
        """One click, unless somebody else's process stands in the way: ending that is asked first."""
        stranger = await self._server.stranger()
        if stranger is None:
            await self._server.restart_external()
            return
        environment = self._workspace.console.environment.word
        rows = [
            ("Ends", f"process {stranger.pid}, {' '.join(stranger.command)}"),
            ("Starts", " ".join(self._workspace.console.settings().external_command)),
            ("Secrets", f"{environment}, in the new process's environment only"),
        ]
        note = "This console did not start the process that answers there now. Requests in its hands are lost."
        title = "Replace the running server"
        if await PlanDialog(self, title, environment, "End it and restart", rows, note, look="danger").ask():
            await self._server.restart_external(stranger.pid)

    def _open_dashboard(self) -> None:
        open_in_browser(f"{self._workspace.console.server.url}/dashboard.html")
