"""The Settings page: credentials by environment, and what else an operator may choose."""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Signal

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import SecretSummary
from bioql_console.services.keychain import KeychainStatus
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_types import StripeAccount
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

KINDS = {SECRET_KEY_NAME: "secret key", WEBHOOK_SECRET_NAME: "webhook signing secret"}


class SettingsViewModel(ViewModel):
    """Everything an operator may choose.

    Signals:
        keychain_known: A KeychainStatus.
        secrets_known: Environment, and a SecretSummary or None by name.
        tested: Environment, whether the key works, and words.
        stored: What was saved, one sentence.
    """

    keychain_known = Signal(object)
    secrets_known = Signal(object, object)
    tested = Signal(object, bool, str)
    stored = Signal(str)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.settings = self.console.settings

    async def _load(self) -> None:
        status = await self.console.workers.keychain.run(self.console.credentials.status)
        self.keychain_known.emit(status)
        for environment in (Environment.TEST, Environment.LIVE):
            self.secrets_known.emit(environment, await self.console.workers.keychain.run(self._summaries, environment))
        self.loaded()

    def _summaries(self, environment: Environment) -> dict[str, SecretSummary | None]:
        return {name: self.console.credentials.summary(environment, name) for name in KINDS}

    # --- what an operator does, each by way of `act`

    async def probe(self) -> None:
        """Ask the keychain again, e.g. after it was unlocked."""
        status: KeychainStatus = await self.console.workers.keychain.run(self.console.credentials.probe)
        self.keychain_known.emit(status)
        await self._load()

    async def save_secret(self, environment: Environment, name: str, value: str) -> None:
        """Check and store one secret, and record its fingerprint."""
        credentials = self.console.credentials
        save = credentials.save_secret_key if name == SECRET_KEY_NAME else credentials.save_webhook_secret
        summary = await self.console.workers.keychain.run(save, environment, value)
        await self.console.workers.database.run(
            self._record, f"stored {environment.word} {KINDS[name]}", f"fingerprint {summary.fingerprint}"
        )
        if environment is self.console.environment:
            self.console.stripe.forget()
        where = "in the keychain" if summary.kept == "keychain" else "for this run only"
        self.stored.emit(f"The {environment.word} {KINDS[name]} is kept {where}.")
        await self._load()

    async def test(self, environment: Environment) -> None:
        """Ask Stripe whose key it is."""
        try:
            account = await self.console.workers.stripe.run(self._account, environment)
        except OperatorError as error:
            self.tested.emit(environment, False, f"{error.what} {error.fix}")
        else:
            self.tested.emit(environment, True, f"The key works: {account.name} · {account.id}")

    def _account(self, environment: Environment) -> StripeAccount:
        if environment is self.console.environment:
            self.console.stripe.forget()
            return self.console.stripe.gateway().account()
        return self.console.test_key(environment)

    async def forget(self, environment: Environment) -> None:
        """Remove an environment's secrets from the keychain."""
        await self.console.workers.keychain.run(self.console.credentials.forget, environment)
        await self.console.workers.database.run(self._record, f"removed {environment.word} credentials", "")
        if environment is self.console.environment:
            self.console.stripe.forget()
        self.stored.emit(f"The {environment.word} credentials are removed.")
        await self._load()

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

    def _record(self, action: str, after: str) -> None:
        with self.console.store.write() as work:
            work.activity.record(self.console.operator, action, "credentials", after=after)
            work.commit()
