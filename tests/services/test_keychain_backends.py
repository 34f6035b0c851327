"""Which keychains are refused: those that write plain text, lose what they get, or hand it on to such a one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.services.keychain import KeychainSecrets
from tests.keychains import KeychainSession
from tests.services.leaks import files_with

KEY = "sk_test_canary7"

# In a process of its own, since keyring remembers each backend it ever saw.
CONSOLE = """
import json, os, pathlib, sys
import keyring
from keyring.backend import KeyringBackend
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain import KeychainSecrets

class PlainFile(KeyringBackend):
    '''What an add-on package may bring: the first choice by its own account.'''
    priority = 99 if "first" in sys.argv else 0.5
    file = pathlib.Path(os.environ["HOME"]) / "plain.txt"

    def set_password(self, service, username, password):
        self.file.write_text(f"{service} {username} {password}")

    def get_password(self, service, username):
        return self.file.read_text().split()[-1] if self.file.exists() else None

    def delete_password(self, service, username):
        self.file.unlink()

if "plain" not in sys.argv:
    KeyringBackend._classes.discard(PlainFile)
keychain = KeychainSecrets()
told = {"keyring": type(keyring.get_keyring()).__name__, "module": type(keyring.get_keyring()).__module__}
told["state"], told["backend"] = keychain.probe().state, keychain.probe().backend
try:
    keychain.put(Environment.TEST, "stripe_secret_key", sys.argv[1])
    told["kept"] = keychain.get(Environment.TEST, "stripe_secret_key") == sys.argv[1]
except OperatorError as error:
    told["code"] = error.code
json.dump(told, sys.stdout)
"""


def console(*words: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE, KEY, *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.fault(
    "Keychain",
    "the environment asks for a keychain that forgets everything",
    "It is not taken.",
    figure="0 secrets given to it",
)
def test_null_keyring_from_the_environment_is_not_taken() -> None:
    told = console(PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    assert told["module"] == "keyring.backends.null", "keyring itself would have taken it."
    assert (told["state"], told["code"]) == ("missing", "keychain.none")


@pytest.mark.keychain
def test_null_keyring_from_a_configuration_file_is_not_taken(keyring_session: KeychainSession, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "python_keyring"
    folder.mkdir(parents=True)
    (folder / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n")
    told = console(XDG_CONFIG_HOME=str(folder.parent))
    assert told["module"] == "keyring.backends.null", "keyring itself would have taken it."
    assert told["state"] == "ok"
    assert told["backend"] == "SecretService Keyring"
    assert told["kept"] is True


@pytest.mark.fault(
    "Keychain",
    "the only keychain is a file in plain text",
    "It is refused.",
    figure="0 files written",
)
def test_plain_text_file_is_refused(tmp_path: Path) -> None:
    told = console("plain", "first", HOME=str(tmp_path))
    assert told["keyring"] == "PlainFile", "keyring itself would have taken it."
    assert (told["state"], told["code"]) == ("missing", "keychain.none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.keychain
def test_chain_that_ends_in_a_plain_text_file_is_refused(keyring_session: KeychainSession, tmp_path: Path) -> None:
    told = console("plain", HOME=str(tmp_path))
    assert told["keyring"] == "ChainerBackend", "keyring itself would have taken it."
    assert told["backend"] == "SecretService Keyring"
    assert told["kept"] is True
    keyring_session.lock()
    assert console("plain", HOME=str(tmp_path))["code"] == "keychain.locked"
    assert not files_with(KEY, tmp_path, keyring_session.folder)


@pytest.mark.fault(
    "Keychain",
    "a keychain takes a secret and does not keep it",
    "The probe finds it out.",
    figure="found out by 1 probe",
)
@pytest.mark.keychain
def test_keychain_that_loses_what_it_is_given_is_found_out(
    keyring_session: KeychainSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.SecretService import Keyring

    monkeypatch.setattr(Keyring, "set_password", lambda *_: None)
    monkeypatch.setattr(Keyring, "delete_password", lambda *_: None)
    status = KeychainSecrets().probe()
    assert status.state == "refused"
    assert status.words == "The keychain does not give back what it was given."
    assert "this run only" in status.cure
    assert KeychainSecrets().get(Environment.TEST, "stripe_secret_key") is None
