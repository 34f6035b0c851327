"""The operating system's keychain. The only file that knows keyring."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bioql_console.domain.environment import LONGEST_SECRET, Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.worker import DeadlineExceeded, call_with_deadline

R = TypeVar("R")

SERVICE = "bioql-console"
DEADLINE_S = 3.0
# Somebody may have to type the password of the keychain into a prompt.
PROMPT_DEADLINE_S = 60.0
# Anything else may be a plain-text file, a chain of backends, or one that drops what it is given.
ALLOWED = frozenset(
    f"keyring.backends.{name}" for name in ("SecretService", "kwallet", "libsecret", "Windows", "macOS")
)
MOST_STUCK_CALLS = 5


@dataclass(frozen=True, slots=True)
class KeychainStatus:
    """How the keychain is.

    Args:
        state: "unknown", "ok", "missing", "locked", "frozen", "gone" or "refused".
        words: One sentence for the status bar.
        cure: The one next step; empty when all is well.
    """

    state: str
    words: str
    cure: str = ""
    backend: str = ""


class KeychainSecrets:
    """One entry for each secret and environment. Fails with a cure, never falls back to plain text.

    Args:
        deadline_s: Seconds after which a call counts as frozen.
    """

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._stuck = 0
        self._backend: Any = None

    def get(self, environment: Environment, name: str) -> str | None:
        user = _user(environment, name)
        found: str | None = self._call(lambda backend: backend.get_password(SERVICE, user))
        return found

    def put(self, environment: Environment, name: str, value: str) -> None:
        if len(value) > LONGEST_SECRET:
            raise ValueError("longer than any secret may be")
        user = _user(environment, name)
        self._call(lambda backend: backend.set_password(SERVICE, user, value))

    def forget(self, environment: Environment, name: str) -> None:
        user = _user(environment, name)

        def delete(backend: Any) -> None:
            if backend.get_password(SERVICE, user) is not None:
                backend.delete_password(SERVICE, user)

        self._call(delete)

    def probe(self) -> KeychainStatus:
        """Write, read and delete a value: a backend that drops what it is given shows only so."""

        def canary(backend: Any) -> str:
            backend.set_password(SERVICE, "probe", "canary")
            found = backend.get_password(SERVICE, "probe")
            backend.delete_password(SERVICE, "probe")
            if found != "canary":
                raise OperatorError(
                    "The keychain does not give back what it was given.",
                    fix="Choose another keychain for this desktop; secrets are kept for this run only.",
                    code="keychain.refused",
                )
            return str(getattr(backend, "name", type(backend).__name__))

        try:
            backend = self._call(canary)
        except OperatorError as error:
            return KeychainStatus(_STATES.get(error.code, "gone"), error.what, error.fix)
        return KeychainStatus("ok", "Secrets are in the keychain.", backend=backend)

    def _call(self, work: Callable[[Any], R]) -> R:
        """Run one call on a thread of its own, one at a time, within the deadline."""
        with self._lock:
            if self._stuck >= MOST_STUCK_CALLS:
                raise _frozen()
            try:
                return call_with_deadline(
                    lambda: _explained(lambda: work(self._choose())), self._deadline_s, "keychain"
                )
            except DeadlineExceeded as error:
                self._stuck += 1
                self._backend = None
                raise _frozen() from error
            except OperatorError:
                self._backend = None  # a bus that went away may come back with another backend
                raise

    def _choose(self) -> Any:
        if self._backend is None:
            self._backend = _best_backend()
        return self._backend


_STATES = {
    "keychain.none": "missing",
    "keychain.locked": "locked",
    "keychain.dismissed": "locked",
    "keychain.frozen": "frozen",
    "keychain.gone": "gone",
    "keychain.refused": "refused",
}


def _user(environment: Environment, name: str) -> str:
    return f"{environment.value}/{name}"


def _best_backend() -> Any:
    """The best real keychain. `keyring.get_keyring()` is not asked: the environment can make it answer a null one."""
    from keyring import backend

    usable = [each for each in backend.get_all_keyring() if type(each).__module__ in ALLOWED]
    if not usable:
        raise OperatorError(
            "This desktop has no keychain.",
            fix="Start GNOME Keyring or KWallet (package gnome-keyring), then retry; until then secrets are kept for "
            "this run only.",
            code="keychain.none",
        )
    return max(usable, key=lambda each: each.priority)


def _frozen() -> OperatorError:
    return OperatorError(
        "The keychain does not answer.",
        fix="Look for a password prompt, or log out and in again; until then secrets are kept for this run only.",
        code="keychain.frozen",
    )


def _explained(work: Callable[[], R]) -> R:
    """Turn what keychains throw into sentences. Not all of it derives from keyring's own errors."""
    from keyring import errors

    try:
        return work()
    except OperatorError:
        raise
    except errors.KeyringLocked as error:
        raise OperatorError(
            "The keychain is locked.",
            fix="Unlock it (it asks for your login password), then retry.",
            code="keychain.locked",
        ) from error
    except errors.NoKeyringError as error:
        raise OperatorError(
            "This desktop has no keychain.",
            fix="Start GNOME Keyring or KWallet, then retry; until then secrets are kept for this run only.",
            code="keychain.none",
        ) from error
    except errors.InitError as error:
        raise OperatorError(
            "The keychain could not be opened: its prompt was dismissed or could not be shown.",
            fix="Create or unlock the login keychain, then retry.",
            code="keychain.dismissed",
        ) from error
    except errors.KeyringError as error:
        raise OperatorError("The keychain refused.", fix="Unlock it, then retry.", code="keychain.refused") from error
    except Exception as error:
        if not _is_bus_failure(error):
            raise
        raise OperatorError(
            "The keychain went away.",
            fix="Log out and in again, or restart the keychain, then retry.",
            code="keychain.gone",
        ) from error


def _is_bus_failure(error: Exception) -> bool:
    """Failures of the session bus under the keychain; their classes exist on Linux only."""
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in ("secretstorage", "jeepney", "dbus")
