"""One row about Stripe's command line, on the Webhooks page."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bioql_console.domain.rights import Role
from bioql_console.services.stripe_cli import CliState, CliStatus
from bioql_console.services.stripe_cli_program import install_command
from bioql_console.ui.viewmodels.stripe_cli import TONES, StripeCliViewModel, words
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.files import ask_which
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, StatePill
from bioql_console.ui.workspace import Workspace

STARTS = {CliState.OFF: "Start", CliState.ENDED: "Start again"}
RUNS = (CliState.WAITING, CliState.CONNECTING, CliState.LISTENING, CliState.RECONNECTING, CliState.RESTARTING)


class StripeCliRow(QWidget):
    """Binds only."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.name = PlainLabel("Stripe CLI")
        self.state = StatePill("not asked yet")
        self.words = ElidedLabel("", "muted")
        self.start = button("Start", lambda: self._model.act(self._model.start), needs=Role.OPERATOR)
        self.stop = button("Stop", lambda: self._model.act(self._model.stop), needs=Role.OPERATOR)
        self.copy = CopyButton("Copy command", install_command, "the command that installs it")
        self.choose = button("Choose program…", lambda: self._model.act(self._choose))
        for label in (self.name, self.state):
            row.addWidget(label)
        row.addWidget(self.words, 1)
        for made in (self.copy, self.choose, self.start, self.stop):
            row.addWidget(made)
            made.hide()
        self.start.setAccessibleName("Start Stripe CLI")
        self.stop.setAccessibleName("Stop Stripe CLI")

    def attach(self, workspace: Workspace) -> StripeCliViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        model = self._model = StripeCliViewModel(workspace)
        self.copy.copied.connect(workspace.toasted)
        model.shown.connect(self._show)
        return model

    def switch(self, on: bool) -> None:
        """Start or stop it, as the command palette asks."""
        self._model.act(self._model.start if on else self._model.stop)

    @Slot(object)
    def _show(self, status: CliStatus) -> None:
        self.name.setText(f"Stripe CLI {status.version}".strip())
        self.state.show_state(status.state.value, TONES.get(status.state, "unknown"))
        self.words.setText(words(status))
        self.start.setText(STARTS.get(status.state, "Start"))
        self.start.setVisible(status.state in STARTS)
        self.stop.setVisible(status.state in RUNS)
        for widget in (self.copy, self.choose):
            widget.setVisible(status.state is CliState.MISSING)

    async def _choose(self) -> None:
        path = await ask_which(self, "Stripe's command line", ("All files (*)",))
        if path is not None:
            await self._model.choose(path)
