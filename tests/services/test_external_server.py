"""The incident at the level of processes: the secrets reach the child's environment, and no other place."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.child_secrets import server_environment
from bioql_console.services.credentials import Credentials
from bioql_console.services.external_server import INHERITED, ExternalConfig, ExternalServer
from bioql_console.services.keychain import KeychainSecrets
from tests.keychains import KeychainSession
from tests.services.leaks import files_with
from tests.services.loopback import STANDIN, free_port, started_by_hand
from tests.waiting import wait_until

KEY, WEBHOOK = "rk_test_canary77", "whsec_canary88"
SECRETS = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK}
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

Make = Callable[..., ExternalServer]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def make(data_dir: Path, port: int) -> Iterator[Make]:
    """Makes external servers that are gone when the test is over."""
    made = []

    def server(*words: str, on_change: Callable[[], None] = lambda: None) -> ExternalServer:
        command = (sys.executable, str(STANDIN), str(port), *words)
        config = ExternalConfig(command, "", f"http://127.0.0.1:{port}/health")
        made.append(ExternalServer(lambda: config, data_dir / "logs/external.log", on_change))
        return made[-1]

    yield server
    for each in made:
        each.stop()


def environment_of(pid: int | str) -> dict[str, str]:
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().rstrip("\0").split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


def command_lines() -> str:
    """What every process of this machine was started with, as anybody's `ps` shows it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


@pytest.mark.keychain
def test_the_incident_is_seen_and_cured_with_the_secrets_of_the_keychain(
    keyring_session: KeychainSession, make: Make, port: int, data_dir: Path
) -> None:
    credentials = Credentials(KeychainSecrets())
    credentials.save_secret_key(Environment.TEST, KEY)
    credentials.save_webhook_secret(Environment.TEST, WEBHOOK)
    server = make()
    with started_by_hand(port):
        seen = server.health()
        assert (seen.stripe_enabled, seen.webhooks_enabled, seen.healthy) == (False, False, False)
        assert "started without its Stripe credentials" in seen.words
        assert "Restart it with the keychain's secrets" in seen.cure

    secrets = server_environment(
        Environment.TEST,
        lambda: credentials.stripe_secret_key(Environment.TEST),
        lambda: credentials.webhook_secrets(Environment.TEST),
    )
    cured = server.restart(secrets)
    assert (cured.stripe_enabled, cured.webhooks_enabled, cured.healthy) == (True, True, True)
    assert server.words == f"Running as process {server.pid}."
    wait_until(lambda: "Stripe webhook handler enabled" in server.tail())
    assert {"  Enabled: True", "  Webhooks: True"} <= set(server.tail())
    assert not files_with(KEY, data_dir, keyring_session.folder)


@LINUX
def test_secrets_are_in_the_environment_of_the_child_and_nowhere_else(make: Make, data_dir: Path) -> None:
    before = dict(os.environ)
    server = make("chatty")
    server.restart(SECRETS)
    assert server.pid is not None
    child = environment_of(server.pid)
    assert {name: child[name] for name in SECRETS} == SECRETS

    assert dict(os.environ) == before
    mine = Path("/proc/self/environ").read_text()
    for secret in (KEY, WEBHOOK):
        assert secret not in mine
        assert secret not in command_lines()
        assert not files_with(secret, data_dir)
        assert secret not in repr(server)


@LINUX
def test_child_gets_nothing_of_our_environment_that_it_does_not_need(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of another program")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_of_another_day")
    server = make()
    report = server.restart({"STRIPE_WEBHOOK_SECRET": WEBHOOK})
    assert (report.stripe_enabled, report.webhooks_enabled) == (False, True)
    assert server.pid is not None
    assert set(environment_of(server.pid)) <= {*INHERITED, "PYTHONUNBUFFERED", "STRIPE_WEBHOOK_SECRET"}


def test_its_output_is_shown_and_stored_without_the_secrets(make: Make, data_dir: Path) -> None:
    server = make("chatty")
    server.restart({**SECRETS, "OTHER_SECRET": "correct horse"})
    log = data_dir / "logs/external.log"
    wait_until(lambda: "Stripe webhook handler enabled" in log.read_text())
    assert "using key [redacted] and [redacted]" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert len(server.tail(10)) == 10
    assert not any(KEY in line or WEBHOOK in line for line in server.tail(500))


def test_missing_secret_is_said_before_anything_is_started() -> None:
    """To start it with one of the two would be the incident again."""
    for key, hook, missing in ((None, [WEBHOOK], "secret key"), (KEY, [], "webhook signing secret")):
        with pytest.raises(OperatorError) as refused:
            server_environment(Environment.LIVE, lambda key=key: key, lambda hook=hook: hook)  # type: ignore[misc]
        assert refused.value.what == f"There is no LIVE {missing}."
        assert refused.value.code == "credentials.missing"


def test_restart_replaces_the_child(make: Make) -> None:
    changes: list[str] = []
    server = make(on_change=lambda: changes.append(""))
    assert server.restart({}).stripe_enabled is False
    first = server.pid
    assert server.restart(SECRETS).healthy
    assert server.pid != first
    server.stop()
    assert (server.running, server.pid) == (False, None)
    assert server.words == "Not started by this console."
    assert not server.health().reachable
    assert server.tail(), "What it said last is worth reading after its end."
    assert len(changes) == 4, "Each start and each end is told."


def test_child_that_dies_is_noticed(make: Make) -> None:
    server = make()
    server.restart(SECRETS)
    os.kill(server.pid or 0, 9)
    wait_until(lambda: not server.running)
    assert server.words == "Ended with exit code -9."
    assert server.restart(SECRETS).healthy


def test_helpers_of_the_child_end_with_it(make: Make) -> None:
    server = make("helper")
    assert server.restart(SECRETS).healthy
    assert server.stranger() is None, "Its own helper is taken for somebody else's."
    os.kill(server.pid or 0, 9)
    wait_until(lambda: not server.running)
    assert server.health().reachable, "The helper went by itself, so this proves nothing."
    server.stop()
    assert not server.health().reachable
