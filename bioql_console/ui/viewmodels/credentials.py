"""Stripe's secrets of Test and Live: proven, stored, replaced, explored, removed."""

import threading
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Signal

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.plain_text import isolated
from bioql_console.services.credentials import SecretSummary
from bioql_console.services.key_capabilities import Capability, capabilities
from bioql_console.services.key_permissions import KeyReach
from bioql_console.services.secrets import ALL_NAMES, PREVIOUS_OF, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_keys import WORDS, Asking, KeyFacts, ProvenKey
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

BOTH = (Environment.TEST, Environment.LIVE)


@dataclass(frozen=True, slots=True)
class CredentialsSeen:
    """What may be shown of an environment's secrets.

    Args:
        secrets: Summaries by name; None for what is not there.
        facts: Of the secret key; None when there is none.
        old_used_ms: When something last came that was signed with the replaced signing secret; None when never.
    """

    secrets: dict[str, SecretSummary | None]
    facts: KeyFacts | None
    old_used_ms: int | None


@dataclass(frozen=True, slots=True)
class KeyExplored:
    """What a key can and can't do."""

    account: str
    reach: KeyReach
    capabilities: list[Capability]


class CredentialsViewModel(ViewModel):
    """Both environments at once, whichever is open.

    Signals:
        seen: Environment and CredentialsSeen.
        explored: Environment and KeyExplored.
        asking: Environment, and how far asking about its key is, in words; empty when it is over.
        said: Environment, whether it went well, and words.
        stored: What was done, one sentence.
    """

    seen = Signal(object, object)
    explored = Signal(object, object)
    asking = Signal(object, str)
    said = Signal(object, bool, str)
    stored = Signal(str)
    topics = frozenset({"credentials"})

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.keys, self.credentials = self.console.keys, self.console.credentials
        self._stopped = threading.Event()

    async def _load(self) -> None:
        for environment in BOTH:
            self.seen.emit(environment, await self.console.workers.keychain.run(self._look, environment))
        self.loaded()

    def _look(self, environment: Environment) -> CredentialsSeen:
        secrets = {name: self.credentials.summary(environment, name) for name in ALL_NAMES}
        old = secrets[PREVIOUS_OF[WEBHOOK_SECRET_NAME]]
        mine = environment is self.console.environment
        used_ms = self.console.listener.signed_ms(old.fingerprint) if old and mine else None
        return CredentialsSeen(secrets, self.keys.facts(environment), used_ms)

    # --- asked before something is stored

    async def prove(self, environment: Environment, entered: str) -> ProvenKey:
        """Ask Stripe about a key that was entered.

        Raises:
            OperatorError: `key.*`, `stripe.*`; nothing is stored.
        """
        asking = self._watched(environment)
        try:
            return await self.console.workers.stripe.run(self.keys.prove, environment, entered, asking)
        finally:
            self.asking.emit(environment, "")

    def _watched(self, environment: Environment) -> Asking:
        self._stopped.clear()
        self.said.emit(environment, True, "")
        self.asking.emit(environment, "Asking Stripe whose key this is…")
        return Asking(partial(self._tell_progress, environment), self._stopped.is_set)

    def _tell_progress(self, environment: Environment, done: int, of: int) -> None:
        """Called on the worker's thread."""
        self.asking.emit(environment, f"Asking Stripe what the key may do: {done} of {of}…")

    def stop_asking(self) -> None:
        """After the questions that are on their way; what was entered is not stored."""
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()
        super().close()

    async def unproven(self, environment: Environment, entered: str) -> ProvenKey:
        return await self.console.workers.keychain.run(self.keys.unproven, environment, entered)

    async def checked_webhook_secret(self, environment: Environment, entered: str) -> SecretSummary | None:
        """The signing secret that this one would replace; None when there is none, or it is the same.

        Raises:
            OperatorError: `key.webhook_malformed`.
        """
        return await self.console.workers.keychain.run(self._replaced, environment, entered)

    def _replaced(self, environment: Environment, entered: str) -> SecretSummary | None:
        checked = self.credentials.check(environment, WEBHOOK_SECRET_NAME, entered)
        if checked in self.credentials.webhook_secrets(environment)[:1]:
            return None
        return self.credentials.summary(environment, WEBHOOK_SECRET_NAME)

    # --- what changes something

    async def store_key(self, new: ProvenKey, keep_ms: int, *, change: bool = False) -> None:
        """Store a key; calls to Stripe are made with it from now on."""
        summary = await self.console.workers.keychain.run(self._store, new, keep_ms, change)
        self._switched(new.environment)
        proven = "" if new.account else " It is not proven yet; the console does it when Stripe can be reached."
        await self._tell(new.environment, SECRET_KEY_NAME, summary, proven)
        if new.account is not None and new.reach is not None:
            self._show_reach(new.environment, f"{isolated(new.account.name)} · {new.account.id}", new.reach)

    def _store(self, new: ProvenKey, keep_ms: int, change: bool) -> SecretSummary:
        return self.keys.store(new, self.console.operator, keep_ms=keep_ms, change=change)

    async def store_webhook_secret(self, environment: Environment, entered: str, keep_ms: int) -> None:
        """Store a signing secret; the listener accepts it from now on."""
        summary = await self.console.workers.keychain.run(self._store_webhook, environment, entered, keep_ms)
        await self._tell(environment, WEBHOOK_SECRET_NAME, summary, "")

    def _store_webhook(self, environment: Environment, entered: str, keep_ms: int) -> SecretSummary:
        return self.keys.store_webhook_secret(environment, entered, self.console.operator, keep_ms=keep_ms)

    async def _tell(self, environment: Environment, name: str, summary: SecretSummary, more: str) -> None:
        where = "in the keychain" if summary.kept == "keychain" else "for this run only"
        external = " The external server gets it when it is restarted." if self._feeds_external(environment) else ""
        self.stored.emit(f"The {environment.word} {WORDS[name]} is kept {where}.{more}{external}")
        await self._load()

    def _feeds_external(self, environment: Environment) -> bool:
        return environment is self.console.environment and bool(self.console.settings().external_command)

    def _switched(self, environment: Environment) -> None:
        if environment is self.console.environment:
            self.console.stripe.forget()

    async def explore(self, environment: Environment) -> None:
        """Ask Stripe whose the stored key is and what it may do."""
        asking, test = self._watched(environment), self.keys.test
        try:
            account, reach = await self.console.workers.stripe.run(test, environment, self.console.operator, asking)
        except OperatorError as error:
            self.said.emit(environment, False, error.sentence())
        else:
            self._switched(environment)
            self.said.emit(environment, True, "")
            self._show_reach(environment, f"{isolated(account.name)} · {account.id}", reach)
        finally:
            self.asking.emit(environment, "")
        await self._load()

    def _show_reach(self, environment: Environment, account: str, reach: KeyReach) -> None:
        self.explored.emit(environment, KeyExplored(account, reach, capabilities(reach)))

    async def look_at_old_key(self, environment: Environment) -> None:
        """Whether Stripe still takes the replaced key."""
        dead = await self.console.workers.stripe.run(self.keys.old_key_is_dead, environment, self.console.operator)
        if dead:
            words = "Stripe refuses the old key: it is dead, and removed here as well."
        else:
            words = "Stripe still takes the old key. Revoke it on Stripe's API keys page, then ask again."
        self.said.emit(environment, dead, words)
        await self._load()

    async def end_overlap(self, environment: Environment, name: str) -> None:
        """Drop a replaced secret now."""
        await self.console.workers.keychain.run(
            self.keys.end_overlap, environment, name, self.console.operator, "removed by hand"
        )
        self.stored.emit(f"The old {environment.word} {WORDS[name]} is removed.")
        await self._load()

    async def forget(self, environment: Environment) -> None:
        """Remove an environment's secrets from the keychain."""
        await self.console.workers.keychain.run(self.keys.forget, environment, self.console.operator)
        self._switched(environment)
        self.stored.emit(f"The {environment.word} credentials are removed.")
        await self._load()
