"""A real gnome-keyring on a session bus of its own, so that tests can store, lock, freeze and kill it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

PASSWORD = "keychain-password"
_SERVICE = "org.freedesktop.secrets"
_UNSET = ("DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "PYTHON_KEYRING_BACKEND")


@dataclass(frozen=True)
class KeychainSession:
    """One running bus and keychain.

    Attributes:
        env: What a process must have in its environment to use this keychain and no other.
        folder: Everything the keychain writes is below this folder.
    """

    env: dict[str, str]
    folder: Path
    bus: subprocess.Popen[bytes]
    daemon: subprocess.Popen[bytes]

    def freeze(self) -> None:
        """The keychain stops answering, as if it hung."""
        self.daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The keychain goes on."""
        self.daemon.send_signal(signal.SIGCONT)

    def kill_daemon(self) -> None:
        """The keychain dies; the bus starts a new, locked one on the next call."""
        self.daemon.kill()
        self.daemon.wait(5)

    def kill_bus(self) -> None:
        """The whole session bus dies."""
        self.bus.kill()
        self.bus.wait(5)

    def lock(self) -> None:
        """Lock the collection; nobody can answer the prompt to unlock it again."""
        import secretstorage

        connection = secretstorage.dbus_init()
        try:
            secretstorage.get_default_collection(connection).lock()
        finally:
            connection.close()


def keychain_missing() -> str | None:
    """Why there can be no private keychain here, or None."""
    for program, package in (("dbus-daemon", "dbus"), ("gnome-keyring-daemon", "gnome-keyring")):
        if not shutil.which(program):
            return f"{program} is not installed (Debian package {package})"
    return None


@contextmanager
def private_keychain(folder: Path, password: str = PASSWORD) -> Iterator[KeychainSession]:
    """Start a bus and an unlocked keychain below `folder`; both end with the block, whatever state they are in."""
    runtime = folder / "run"
    for path in (runtime, folder / "home/.local/share/keyrings"):
        path.mkdir(parents=True, mode=0o700)
    env = {
        "HOME": str(folder / "home"),
        "XDG_DATA_HOME": str(folder / "home/.local/share"),
        "XDG_RUNTIME_DIR": str(runtime),
    }
    bus, env["DBUS_SESSION_BUS_ADDRESS"] = _start_bus(env)
    try:
        daemon = _start_daemon(env, password)
        try:
            yield KeychainSession(env=env, folder=folder, bus=bus, daemon=daemon)
        finally:
            _end(daemon)
    finally:
        _end(bus)


def _full(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _UNSET} | env


def _start_bus(env: dict[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        env=_full(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert bus.stdout is not None
    with bus.stdout as answer:
        return bus, answer.readline().decode().strip()


def _start_daemon(env: dict[str, str], password: str) -> subprocess.Popen[bytes]:
    daemon = subprocess.Popen(
        [
            "gnome-keyring-daemon",
            "--foreground",
            "--unlock",
            "--components=secrets",
            f"--control-directory={env['XDG_RUNTIME_DIR']}/keyring",
        ],
        env=_full(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdin is not None
    # Zero bytes would leave the daemon without a collection: an empty password is one line end.
    with daemon.stdin as answer:
        answer.write(password.encode() or b"\n")
    wait_until(lambda: _unlocked(env))
    return daemon


def _unlocked(env: dict[str, str]) -> bool:
    import secretstorage
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with open_dbus_connection(bus=env["DBUS_SESSION_BUS_ADDRESS"]) as connection:
        answer = connection.send_and_get_reply(new_method_call(bus, "NameHasOwner", "s", (_SERVICE,)))
        if not answer.body[0]:
            return False
        try:
            return not secretstorage.Collection(connection).is_locked()
        except secretstorage.ItemNotFoundException:
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait(5)
