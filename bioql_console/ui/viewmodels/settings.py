"""The Settings page: the keychain, and what an operator may choose."""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Signal

from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain import KeychainStatus
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace


class SettingsViewModel(ViewModel):
    """Everything an operator may choose.

    Signals:
        keychain_known: A KeychainStatus.
        database_known: The DatabaseAddress that is chosen; None for a file of this computer.
        stored: What was saved, one sentence.
    """

    keychain_known = Signal(object)
    database_known = Signal(object)
    stored = Signal(str)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.settings = self.console.settings

    async def _load(self) -> None:
        status = await self.console.workers.keychain.run(self.console.credentials.status)
        self.keychain_known.emit(status)
        self.database_known.emit(self.console.team_database.address())
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def probe(self) -> None:
        """Ask the keychain again, e.g. after it was unlocked."""
        status: KeychainStatus = await self.console.workers.keychain.run(self.console.credentials.probe)
        self.keychain_known.emit(status)
        await self._load()

    async def database_chosen(self) -> None:
        """Another database was chosen: it counts from the next opening on, which is now."""
        self.stored.emit("Database saved")
        self.workspace.reopen_asked.emit()
        await self._load()

    async def use_own_file(self) -> None:
        """Go back to a file of this computer."""
        await self.console.workers.keychain.run(self.console.team_database.use_own_file)
        await self.database_chosen()

    async def save(self, **changes: Any) -> None:
        """Store settings.

        Raises:
            OperatorError: `settings.invalid`; nothing is stored then.
        """
        try:
            settings = replace(self.settings(), **changes)
        except ValueError as error:
            raise OperatorError(
                f"Not saved: {error}.", fix="Correct it and save again.", code="settings.invalid"
            ) from error
        await self.console.workers.database.run(self.console.save_settings, settings)
        self.stored.emit("Settings saved")
