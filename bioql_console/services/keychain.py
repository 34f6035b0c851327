"""The operating system's keychain. The only file that knows keyring."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from bioql_console.domain.environment import LONGEST_SECRET, Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain_turn import keychain_turn
from bioql_console.services.worker import DeadlineExceeded, call_with_deadline

R = TypeVar("R")

SERVICE = "bioql-console"
DEADLINE_S = 3.0
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
        self._counting = threading.Lock()
        self._at_work = 0
        self._backend: Any = None
        self._had_one = False

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
        user = f"probe/{secrets.token_hex(4)}"  # another console may probe at the same moment

        def canary(backend: Any) -> str:
            backend.set_password(SERVICE, user, "canary")
            try:
                found = backend.get_password(SERVICE, user)
            finally:
                backend.delete_password(SERVICE, user)
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
            return status_after(error)
        return KeychainStatus("ok", "Secrets are in the keychain.", backend=backend)

    def _call(self, work: Callable[[Any], R]) -> R:
        """Run one call on a thread of its own, one at a time, within the deadline."""
        with self._lock:
            with self._counting:
                if self._at_work >= MOST_STUCK_CALLS:
                    raise _frozen()
                self._at_work += 1
            try:
                return call_with_deadline(lambda: self._counted(work), self._deadline_s, "keychain")
            except DeadlineExceeded as error:
                self._backend = None
                raise _frozen() from error
            except OperatorError:
                self._backend = None  # a bus that went away may come back with another backend
                raise

    def _counted(self, work: Callable[[Any], R]) -> R:
        """A call that hung and then went on makes room for the next one."""
        try:
            with keychain_turn():
                return _explained(lambda: work(self._choose()))
        finally:
            with self._counting:
                self._at_work -= 1

    def _choose(self) -> Any:
        if self._backend is None:
            found = _best_backend()
            if found is None:
                raise _gone() if self._had_one else _none()
            self._backend, self._had_one = found, True
        return self._backend


_STATES = {
    "keychain.none": "missing",
    "keychain.locked": "locked",
    "keychain.dismissed": "locked",
    "keychain.frozen": "frozen",
    "keychain.gone": "gone",
    "keychain.refused": "refused",
}


def status_after(error: OperatorError) -> KeychainStatus:
    """How the keychain is when a call ended in `error`."""
    return KeychainStatus(_STATES.get(error.code, "gone"), error.what, error.fix)


def _user(environment: Environment, name: str) -> str:
    return f"{environment.value}/{name}"


def _best_backend() -> Any:
    """The best real keychain that is there now, or None.

    Any other may be a plain-text file, a chain of backends, or one that drops what it is given. `keyring.get_keyring()`
    is not asked, since the environment can make it answer such a one; nor is `get_all_keyring()`, which imports what
    anybody installed and never looks again: a keychain started later would stay unseen.
    """
    from keyring.backends import SecretService, Windows, kwallet, libsecret, macOS

    kinds: tuple[Any, ...] = (
        SecretService.Keyring,
        kwallet.DBusKeyring,
        libsecret.Keyring,
        Windows.WinVaultKeyring,
        macOS.Keyring,
    )
    usable = [(priority, kind) for kind in kinds if (priority := _priority(kind)) is not None]
    return max(usable, key=lambda each: each[0])[1]() if usable else None


def _priority(kind: Any) -> Any:
    """How much keyring prefers this kind; None when it can't be used here, for whatever reason."""
    try:
        return kind.priority
    except Exception:
        return None


def _none() -> OperatorError:
    return OperatorError(
        "This desktop has no keychain.",
        fix="Start GNOME Keyring or KWallet (package gnome-keyring), then retry; until then secrets are kept for "
        "this run only.",
        code="keychain.none",
    )


def _gone() -> OperatorError:
    return OperatorError(
        "The keychain went away.",
        fix="Log out and in again, or restart the keychain, then retry.",
        code="keychain.gone",
    )


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
        raise _gone() from error


def _is_bus_failure(error: Exception) -> bool:
    """Failures of the session bus under the keychain; their classes exist on Linux only."""
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in ("secretstorage", "jeepney", "dbus")
