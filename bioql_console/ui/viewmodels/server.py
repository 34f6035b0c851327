"""The Server page: our embedded server, and an external one that is started with the keychain's secrets."""

from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.services.child_secrets import server_environment
from bioql_console.services.port_holder import PortHolder
from bioql_console.services.server_health import HealthReport
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

TAIL_LINES = 200


class ServerViewModel(ViewModel):
    """Both servers.

    Signals:
        own_changed: The embedded server was started or stopped.
        external_known: The external server's HealthReport; None when none is configured.
        tail_known: The external server's last lines.
    """

    own_changed = Signal()
    external_known = Signal(object)
    tail_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("health", "listener"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.report: HealthReport | None = None

    async def _load(self) -> None:
        self.own_changed.emit()
        external = self.console.external
        self.tail_known.emit(external.tail(TAIL_LINES))
        if external.configured:
            self.report = await self.console.workers.probe.run(external.health)
            self.external_known.emit(self.report)
        else:
            self.report = None
            self.external_known.emit(None)
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def switch(self, on: bool) -> None:
        """Start or stop the embedded server."""
        server = self.console.server
        await self.console.workers.probe.run(server.start if on else server.stop)
        self.own_changed.emit()
        self.refresh()

    async def stranger(self) -> PortHolder | None:
        """Who holds the external server's address, if this console did not start it."""
        return await self.console.workers.probe.run(self.console.external.stranger)

    async def restart_external(self, replacing: int | None = None) -> None:
        """Start the configured command again, with the secrets in its environment and nowhere else."""
        console = self.console
        secrets = await console.workers.keychain.run(
            server_environment, console.environment, console.secret_key, console.webhook_secrets
        )
        self.report = await console.workers.probe.run(console.external.restart, secrets, replacing)
        self.external_known.emit(self.report)

        def record() -> None:
            with console.store.write() as work:
                command = console.settings().external_command[0]
                work.activity.record(console.operator, "restarted external server", command, after=self._outcome())
                work.commit()

        await console.workers.database.run(record)
        self.workspace.toasted.emit(self._outcome())
        self.refresh()

    def _outcome(self) -> str:
        return self.report.words if self.report else ""

    async def stop_external(self) -> None:
        await self.console.workers.probe.run(self.console.external.stop)
        self.refresh()
