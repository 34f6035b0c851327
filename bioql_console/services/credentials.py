"""Stripe's secrets for each environment: checked on entry, kept in the keychain, or for this run only."""

import hashlib
import threading
from dataclasses import dataclass, replace

from bioql_console.domain.environment import Environment, check_secret_key, check_webhook_secret
from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain import KeychainSecrets, KeychainStatus, status_after
from bioql_console.services.redaction import remember_secret
from bioql_console.services.secrets import (
    PREVIOUS_WEBHOOK_SECRET_NAME,
    SECRET_KEY_NAME,
    WEBHOOK_SECRET_NAME,
    MemorySecrets,
)

UNKNOWN = KeychainStatus("unknown", "The keychain was not asked yet.")
# Without a keychain nothing can be in it: that is "none", not an error on every read.
EMPTY = ("missing", "refused")


@dataclass(frozen=True, slots=True)
class SecretSummary:
    """What may be shown of a secret.

    Args:
        masked: Its prefix and last four characters.
        fingerprint: Twelve hex digits by which to recognise it in the activity trail.
        kept: "keychain" or "this run only".
    """

    masked: str
    fingerprint: str
    kept: str


class Credentials:
    """Reads and stores secrets. Blocks while the keychain does, with a deadline."""

    def __init__(self, keychain: KeychainSecrets) -> None:
        self._keychain = keychain
        self._memory = MemorySecrets()
        self._lock = threading.Lock()
        self._status = UNKNOWN
        self._cache: dict[tuple[Environment, str], str | None] = {}

    def status(self) -> KeychainStatus:
        """How the keychain is; asks it the first time."""
        if self._status is UNKNOWN:
            self.probe()
        return self._status

    def last_status(self) -> KeychainStatus:
        """What is known without asking."""
        return self._status

    def probe(self) -> KeychainStatus:
        """Ask the keychain again, e.g. after it was unlocked, and forget what was read from it."""
        status = self._keychain.probe()
        with self._lock:
            self._status = status if status.state == "ok" else _for_this_run(status)
            self._cache.clear()
            return self._status

    def save_secret_key(self, environment: Environment, key: str) -> SecretSummary:
        """Check and store a secret key.

        Raises:
            OperatorError: `key.*` when it is not one for this environment; nothing is stored then.
        """
        return self._save(environment, SECRET_KEY_NAME, check_secret_key(key, environment))

    def save_webhook_secret(self, environment: Environment, secret: str) -> SecretSummary:
        """Check and store a signing secret.

        Raises:
            OperatorError: `key.webhook_malformed`; nothing is stored then.
        """
        return self._save(environment, WEBHOOK_SECRET_NAME, check_webhook_secret(secret))

    def stripe_secret_key(self, environment: Environment) -> str | None:
        return self._read(environment, SECRET_KEY_NAME)

    def webhook_secrets(self, environment: Environment) -> list[str]:
        """The current signing secret, and the previous one while it is being rotated."""
        names = (WEBHOOK_SECRET_NAME, PREVIOUS_WEBHOOK_SECRET_NAME)
        return [secret for name in names if (secret := self._read(environment, name))]

    def forget(self, environment: Environment) -> None:
        """Remove an environment's secrets everywhere.

        Raises:
            OperatorError: `keychain.*` when it can't be asked: what is in it would be back at the next start.
        """
        for name in (SECRET_KEY_NAME, WEBHOOK_SECRET_NAME, PREVIOUS_WEBHOOK_SECRET_NAME):
            self._memory.forget(environment, name)
            if self.status().state not in EMPTY:
                self._keychain.forget(environment, name)
            self._remember(environment, name, None)

    def summary(self, environment: Environment, name: str) -> SecretSummary | None:
        """What may be shown of a stored secret; None when there is none."""
        value = self._read(environment, name)
        return None if value is None else self._summary(environment, name, value)

    def _summary(self, environment: Environment, name: str, value: str) -> SecretSummary:
        kept = "this run only" if self._memory.get(environment, name) else "keychain"
        return SecretSummary(masked(value), fingerprint(value), kept)

    def _save(self, environment: Environment, name: str, value: str) -> SecretSummary:
        remember_secret(value)
        if self.status().state == "ok" and self._put(environment, name, value):
            self._memory.forget(environment, name)
        else:
            self._memory.put(environment, name, value)
        self._remember(environment, name, value)
        return self._summary(environment, name, value)

    def _put(self, environment: Environment, name: str, value: str) -> bool:
        """Whether the keychain took it; it may have been locked, or have died, since it was last asked."""
        try:
            self._keychain.put(environment, name, value)
        except OperatorError as error:
            with self._lock:
                self._status = _for_this_run(status_after(error))
            return False
        return True

    def _read(self, environment: Environment, name: str) -> str | None:
        held = self._memory.get(environment, name)
        if held is not None:
            return held
        with self._lock:
            if (environment, name) in self._cache:
                return self._cache[environment, name]
        if self.status().state in EMPTY:
            return None
        value = self._keychain.get(environment, name)
        if value is not None:
            remember_secret(value)
        with self._lock:
            # What was saved or forgotten while the keychain was asked is newer than its answer.
            return self._cache.setdefault((environment, name), value)

    def _remember(self, environment: Environment, name: str, value: str | None) -> None:
        with self._lock:
            self._cache[environment, name] = value

    def __repr__(self) -> str:
        return "Credentials(…)"


def _for_this_run(status: KeychainStatus) -> KeychainStatus:
    return replace(status, words=f"{status.words} Secrets are kept for this run only.")


def masked(value: str) -> str:
    """Prefix and last four characters, e.g. "rk_test_…9fc1"."""
    prefix = "_".join(value.split("_")[:2]) + "_" if value[:3] in ("sk_", "rk_", "pk_") else value[:6]
    return f"{prefix}…{value[-4:]}" if len(value) >= len(prefix) + 12 else f"{prefix}…"


def fingerprint(value: str) -> str:
    return hashlib.sha256(b"bioql-console fingerprint\n" + value.encode()).hexdigest()[:12]


def require_secret(value: str | None, what: str, environment: Environment) -> str:
    """The secret, for what can't be done without it.

    Raises:
        OperatorError: `credentials.missing`.
    """
    if not value:
        raise OperatorError(
            f"There is no {environment.word} {what}.",
            fix="Enter it in Settings › Credentials.",
            code="credentials.missing",
        )
    return value
