"""Storing and replacing Stripe's secrets: proven first, all in the activity trail by fingerprint."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bioql_console.domain.environment import Environment, is_restricted
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.services.credentials import Credentials, SecretSummary, fingerprint, masked, require_secret
from bioql_console.services.key_permissions import KeyReach, explore, lost
from bioql_console.services.key_proof import LedgerBelongs, StripeDoor
from bioql_console.services.secrets import ALL_NAMES, PREVIOUS_OF, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_catalog import KeyPermission
from bioql_console.services.stripe_types import StripeAccount

WORDS = {SECRET_KEY_NAME: "secret key", WEBHOOK_SECRET_NAME: "webhook signing secret"}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be shown of an environment's secret key.

    Args:
        account: The one that the ledger belongs to; None before a key was proven.
        proven_ms: When Stripe last said whose this key is; None when that is open.
    """

    restricted: bool
    account: LedgerAccount | None
    proven_ms: int | None


@dataclass(frozen=True, slots=True, repr=False)
class ProvenKey:
    """A key that Stripe knows, before it is stored. Its repr shows nothing.

    Args:
        account: Whose it is; None when the operator stores it unproven.
        reach: What it may do.
        old: The key that it replaces; None when there is none.
        loses: What the old key may do for the console and this one may not.
    """

    environment: Environment
    key: str
    account: StripeAccount | None
    reach: KeyReach | None = None
    old: SecretSummary | None = None
    loses: tuple[KeyPermission, ...] = ()

    @property
    def masked(self) -> str:
        return masked(self.key)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)

    @property
    def restricted(self) -> bool:
        return is_restricted(self.key)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who watches while a key is asked about; both are called from any thread."""

    progress: Callable[[int, int], None] = lambda done, of: None
    stopped: Callable[[], bool] = lambda: False


NOBODY_WATCHES = Asking()


class StripeKeys:
    """Every call may block.

    Args:
        ledger_of: Opens what is known of an environment's Stripe account; makes its ledger if need be, when asked to.
    """

    def __init__(
        self,
        credentials: Credentials,
        door: StripeDoor,
        ledger_of: Callable[[Environment, bool], AbstractContextManager[LedgerBelongs]],
        now_ms: Callable[[], int],
    ) -> None:
        self._credentials, self._door = credentials, door
        self._ledger_of, self._now_ms = ledger_of, now_ms

    def facts(self, environment: Environment) -> KeyFacts | None:
        """What is known of the stored key, without asking Stripe; None when there is none."""
        key = self._credentials.stripe_secret_key(environment)
        if key is None:
            return None
        try:
            with self._ledger_of(environment, False) as ledger:
                return KeyFacts(is_restricted(key), ledger.account(), ledger.proven_ms(fingerprint(key)))
        except OperatorError:
            # The other environment has no ledger yet, or one that can't be opened: its secrets are shown all the same.
            return KeyFacts(is_restricted(key), None, None)

    def prove(self, environment: Environment, entered: str, asking: Asking = NOBODY_WATCHES) -> ProvenKey:
        """Ask Stripe whose key this is and what it may do, and compare it with the one that is stored.

        Raises:
            OperatorError: `key.*`, `stripe.*`; nothing is stored.
        """
        key = self._credentials.check(environment, SECRET_KEY_NAME, entered)
        account = self._door.account(environment, key)
        reach = self._reach(environment, key, asking)
        old = self._credentials.stripe_secret_key(environment)
        if old is None or old == key:
            return ProvenKey(environment, key, account, reach)
        loses = lost(self._reach(environment, old, asking), reach)
        summary = self._credentials.summary(environment, SECRET_KEY_NAME)
        return ProvenKey(environment, key, account, reach, summary, tuple(loses))

    def unproven(self, environment: Environment, entered: str) -> ProvenKey:
        """The key as it was entered, for when Stripe can't be asked.

        Raises:
            OperatorError: `key.*` when it can't be right.
        """
        key = self._credentials.check(environment, SECRET_KEY_NAME, entered)
        old = self._credentials.stripe_secret_key(environment)
        summary = self._credentials.summary(environment, SECRET_KEY_NAME) if old not in (None, key) else None
        return ProvenKey(environment, key, None, None, summary)

    def store(self, new: ProvenKey, operator: str, *, keep_ms: int = 0, change: bool = False) -> SecretSummary:
        """Store a key in place of the one there is.

        Args:
            keep_ms: How long the old one is kept beside it.
            change: The ledger shall belong to the new key's account from now on.

        Raises:
            OperatorError: `key.other_account`, `key.account_change`; nothing is stored then.
        """
        with self._ledger_of(new.environment, True) as ledger:
            if new.account is not None:
                ledger.accept(new.account, new.fingerprint, operator, change=change)
            summary = self._credentials.replace(new.environment, SECRET_KEY_NAME, new.key, keep_ms)
            self._record(ledger, operator, new.environment, SECRET_KEY_NAME, new.old, summary, new.account is not None)
        return summary

    def store_webhook_secret(
        self, environment: Environment, entered: str, operator: str, *, keep_ms: int = 0
    ) -> SecretSummary:
        """Store a signing secret; the old one is accepted beside it for a time.

        Raises:
            OperatorError: `key.webhook_malformed`; nothing is stored then.
        """
        old = self._credentials.summary(environment, WEBHOOK_SECRET_NAME)
        summary = self._credentials.replace(environment, WEBHOOK_SECRET_NAME, entered, keep_ms)
        with self._ledger_of(environment, True) as ledger:
            same = old is not None and old.fingerprint == summary.fingerprint
            self._record(ledger, operator, environment, WEBHOOK_SECRET_NAME, None if same else old, summary, None)
        return summary

    def test(
        self, environment: Environment, operator: str, asking: Asking = NOBODY_WATCHES
    ) -> tuple[StripeAccount, KeyReach]:
        """Ask Stripe about the stored key.

        Raises:
            OperatorError: `credentials.missing`, `key.*`, `stripe.*`.
        """
        key = require_secret(self._credentials.stripe_secret_key(environment), "secret key", environment)
        account = self._door.account(environment, key)
        with self._ledger_of(environment, True) as ledger:
            ledger.accept(account, fingerprint(key), operator)
        return account, self._reach(environment, key, asking)

    def old_key_is_dead(self, environment: Environment, operator: str) -> bool:
        """Whether Stripe refuses the replaced key; then it is removed here too.

        Raises:
            OperatorError: `credentials.missing`; `stripe.*` when that is not known.
        """
        old = self._credentials.retiring(environment, SECRET_KEY_NAME)
        value = require_secret(old.value if old else None, "old secret key", environment)
        try:
            self._door.account(environment, value)
        except OperatorError as error:
            if error.code == "key.account_unreadable":
                return False
            if error.code != "stripe.key_refused":
                raise
        else:
            return False
        self.end_overlap(environment, SECRET_KEY_NAME, operator, "Stripe refuses it")
        return True

    def end_overlap(self, environment: Environment, name: str, operator: str, reason: str) -> None:
        """Drop the replaced secret now.

        Raises:
            OperatorError: `keychain.*`.
        """
        old = self._credentials.summary(environment, PREVIOUS_OF[name])
        self._credentials.drop(environment, PREVIOUS_OF[name])
        if old is not None:
            with self._ledger_of(environment, True) as ledger:
                action = f"removed the replaced {environment.word} {WORDS[name]}"
                ledger.record(operator, action, before=str(old), reason=reason)

    def forget(self, environment: Environment, operator: str) -> None:
        """Remove an environment's secrets, also old ones.

        Raises:
            OperatorError: `keychain.*` when it can't be asked: what is in it would be back at the next start.
        """
        known = [self._credentials.summary(environment, name) for name in ALL_NAMES]
        self._credentials.forget(environment)
        with self._ledger_of(environment, True) as ledger:
            before = ", ".join(str(each) for each in known if each is not None)
            ledger.record(operator, f"removed {environment.word} credentials", before=before)

    def _reach(self, environment: Environment, key: str, asking: Asking) -> KeyReach:
        gateway = self._door.gateway(environment, key)
        try:
            return explore(gateway, restricted=is_restricted(key), progress=asking.progress, stopped=asking.stopped)
        finally:
            gateway.close()

    def _record(
        self,
        ledger: LedgerBelongs,
        operator: str,
        environment: Environment,
        name: str,
        old: SecretSummary | None,
        new: SecretSummary,
        proven: bool | None,
    ) -> None:
        verb = "stored" if old is None else "rotated"
        until = self._credentials.summary(environment, PREVIOUS_OF[name])
        notes: Sequence[str] = (
            *(["the old one is kept for a time"] if until is not None else []),
            *(["not proven yet"] if proven is False else []),
        )
        action = f"{verb} {environment.word} {WORDS[name]}"
        ledger.record(operator, action, before=str(old or ""), after=str(new), reason="; ".join(notes))
