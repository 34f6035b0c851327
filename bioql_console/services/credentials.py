"""Stripe's secrets for each environment: checked on entry, kept in the keychain, or for this run only."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bioql_console.domain.environment import Environment, check_secret_key, check_webhook_secret
from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain import KeychainSecrets, KeychainStatus, status_after
from bioql_console.services.redaction import remember_secret
from bioql_console.services.secrets import (
    ALL_NAMES,
    PREVIOUS_OF,
    SECRET_KEY_NAME,
    WEBHOOK_SECRET_NAME,
    MemorySecrets,
    RetiringSecret,
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
        until_ms: When it is removed, for one that was replaced; None otherwise.
    """

    masked: str
    fingerprint: str
    kept: str
    until_ms: int | None = None

    def __str__(self) -> str:
        return f"{self.masked} ({self.fingerprint})"


class Credentials:
    """Reads and stores secrets. Blocks while the keychain does, with a deadline."""

    def __init__(
        self, keychain: KeychainSecrets, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._keychain = keychain
        self._now_ms = now_ms
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
        """The current signing secret, and the previous one until its time is over."""
        current = self._read(environment, WEBHOOK_SECRET_NAME)
        previous = self.retiring(environment, WEBHOOK_SECRET_NAME)
        found = [current, previous.value if previous else None]
        return list(dict.fromkeys(secret for secret in found if secret))

    def retiring(self, environment: Environment, name: str) -> RetiringSecret | None:
        """The secret that was replaced, while it is kept and its time is not over."""
        entry = self._read(environment, PREVIOUS_OF[name])
        old = RetiringSecret.read(entry) if entry else None
        return None if old is None or old.over(self._now_ms()) else old

    def replace(self, environment: Environment, name: str, value: str, keep_ms: int) -> SecretSummary:
        """Let a secret take the place of the one there is, which is kept for a time.

        The old one is written to its second place before the new one takes the first: whenever this breaks off, the
        old secret works, the new one, or both. An earlier one that was still kept goes.

        Args:
            keep_ms: How long the old one is kept; 0 drops it at once.

        Raises:
            OperatorError: `key.*` when the new one can't be right; nothing is stored then.
        """
        checked = self.check(environment, name, value)
        old = self._read(environment, name)
        if old is not None and old != checked and keep_ms > 0:
            self._save(environment, PREVIOUS_OF[name], RetiringSecret(old, self._now_ms() + keep_ms).entry())
        summary = self._save(environment, name, checked)
        if keep_ms <= 0:
            self.drop(environment, PREVIOUS_OF[name])
        return summary

    def check(self, environment: Environment, name: str, value: str) -> str:
        """The secret without surrounding blanks.

        Raises:
            OperatorError: `key.*` when it can't be right.
        """
        return check_secret_key(value, environment) if name == SECRET_KEY_NAME else check_webhook_secret(value)

    def remove_overdue(self, environment: Environment) -> list[SecretSummary]:
        """Remove what was replaced and kept long enough, and say what that was.

        Raises:
            OperatorError: `keychain.*`; it is not accepted any more all the same, and removed the next time.
        """
        removed = []
        for name in PREVIOUS_OF.values():
            entry = self._read(environment, name)
            if entry and RetiringSecret.read(entry).over(self._now_ms()):
                removed.append(self._summary(environment, name, entry))
                self.drop(environment, name)
        return removed

    def reread(self, environment: Environment) -> bool:
        """Look again in the keychain; whether another console changed something there.

        Raises:
            OperatorError: `keychain.*`; what was read before stays in use.
        """
        if self.status().state in EMPTY:
            return False
        found = {name: self._keychain.get(environment, name) for name in ALL_NAMES}
        with self._lock:
            changed = any(self._cache.get((environment, name)) != value for name, value in found.items())
            self._cache |= {(environment, name): value for name, value in found.items()}
        for value in found.values():
            if value:
                remember_secret(RetiringSecret.read(value).value)
        return changed

    def kept(self, environment: Environment, name: str) -> str | None:
        """A secret that is none of Stripe's, e.g. a database's password.

        Raises:
            OperatorError: `keychain.*`.
        """
        return self._read(environment, name)

    def keep(self, environment: Environment, name: str, value: str) -> str:
        """Keep one; the answer says where: "keychain" or "this run only"."""
        return self._save(environment, name, value).kept

    def forget(self, environment: Environment) -> None:
        """Remove an environment's secrets everywhere.

        Raises:
            OperatorError: `keychain.*` when it can't be asked: what is in it would be back at the next start.
        """
        for name in ALL_NAMES:
            self.drop(environment, name)

    def drop(self, environment: Environment, name: str) -> None:
        """Remove one secret everywhere.

        Raises:
            OperatorError: `keychain.*` when it can't be asked.
        """
        self._memory.forget(environment, name)
        if self.status().state not in EMPTY:
            self._keychain.forget(environment, name)
        self._remember(environment, name, None)

    def summary(self, environment: Environment, name: str) -> SecretSummary | None:
        """What may be shown of a stored secret; None when there is none."""
        value = self._read(environment, name)
        return None if value is None else self._summary(environment, name, value)

    def _summary(self, environment: Environment, name: str, entry: str) -> SecretSummary:
        kept = "this run only" if self._memory.get(environment, name) else "keychain"
        secret = RetiringSecret.read(entry)
        return SecretSummary(masked(secret.value), fingerprint(secret.value), kept, secret.until_ms)

    def _save(self, environment: Environment, name: str, value: str) -> SecretSummary:
        remember_secret(RetiringSecret.read(value).value)
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
        try:
            value = self._keychain.get(environment, name)
        except OperatorError as error:
            # It was too slow to say so when it was first asked.
            if (status := status_after(error)).state not in EMPTY:
                raise
            self._status = _for_this_run(status)
            return None
        if value is not None:
            remember_secret(RetiringSecret.read(value).value)
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
