"""Stripe's command line as a second way for events to arrive: how it stands, start and stop."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.services.stripe_cli import CliState, CliStatus
from bioql_console.ui import formats
from bioql_console.ui.viewmodels.view_model import ViewModel

TONES = {
    CliState.LISTENING: "ok",
    CliState.CONNECTING: "info",
    CliState.RECONNECTING: "warn",
    CliState.RESTARTING: "warn",
    CliState.WAITING: "warn",
    CliState.ENDED: "bad",
}
OFF = "Forwards events to this listener where Stripe can't reach it; a payment shows at once, not within half a minute."
NOT_OFFERED = "For development only: in Live, events come to a registered endpoint or from Stripe's own list."


class StripeCliViewModel(ViewModel):
    """Signals: `shown` with a CliStatus."""

    shown = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("cli",))

    async def _load(self) -> None:
        cli = self.console.stripe_cli
        if cli.status.state in (CliState.OFF, CliState.MISSING):
            await self.console.workers.probe.run(cli.look)
        self.shown.emit(cli.status)

    async def start(self) -> None:
        """Start it, and with the console from now on; by way of `act`."""
        await self._switch(True)

    async def stop(self) -> None:
        """End it; by way of `act`."""
        await self._switch(False)

    async def choose(self, path: Path) -> None:
        """Use another program; by way of `act`."""
        console = self.console
        chosen = replace(console.settings(), stripe_cli_path=str(path))
        await console.workers.database.run(console.save_settings, chosen)
        self.refresh()

    async def _switch(self, on: bool) -> None:
        console = self.console
        await console.workers.probe.run(console.stripe_cli.start if on else console.stripe_cli.stop)
        chosen = replace(console.settings(), stripe_cli_on=on)
        await console.workers.database.run(console.save_settings, chosen)
        self.shown.emit(console.stripe_cli.status)


def words(status: CliStatus) -> str:
    """How it stands, one or two sentences."""
    if status.state is CliState.LISTENING and status.since_ms is not None:
        refused = f", {formats.count(status.refused)} not taken" if status.refused else ""
        forwarded = formats.plural(status.forwarded, "event", "events")
        return f"Since {formats.clock(status.since_ms)} · {forwarded} forwarded{refused}"
    if status.state is CliState.NOT_OFFERED:
        return NOT_OFFERED
    if status.reason:
        return f"{status.reason} {status.cure}".strip()
    return OFF if status.state is CliState.OFF else ""
