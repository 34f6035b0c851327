"""What keeps an external server from starting or ending: each says what it is, and what to do."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.services import external_server
from bioql_console.services.external_server import ExternalConfig, ExternalServer
from bioql_console.services.server_health import check
from tests.services.leaks import files_with
from tests.services.loopback import STANDIN, free_port, http, saying, started_by_hand
from tests.waiting import wait_until

SECRETS = {"STRIPE_SECRET_KEY": "rk_test_canary77", "STRIPE_WEBHOOK_SECRET": "whsec_canary88"}
Make = Callable[..., ExternalServer]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def make(data_dir: Path, port: int) -> Iterator[Make]:
    """Makes external servers that are gone when the test is over."""
    made = []

    def server(*command: str, folder: str = "", url: str = f"http://127.0.0.1:{port}/health") -> ExternalServer:
        config = ExternalConfig(command, folder, url)
        made.append(ExternalServer(lambda: config, data_dir / "logs/external.log"))
        return made[-1]

    yield server
    for each in made:
        each.stop()


def standin(port: int, *words: str) -> tuple[str, ...]:
    return (sys.executable, str(STANDIN), str(port), *words)


def refusal(server: ExternalServer, **more: Any) -> OperatorError:
    """What restarting fails with; never a word of the secrets."""
    with pytest.raises(OperatorError) as refused:
        server.restart(SECRETS, **more)
    assert refused.value.fix
    assert not any(secret in refused.value.sentence() for secret in SECRETS.values())
    return refused.value


# --- it does not start ------------------------------------------------------------------------------------------------


def test_nothing_is_configured(make: Make, port: int) -> None:
    with started_by_hand(port):
        server = make()
        assert (server.configured, server.words) == (False, "No external server is configured.")
        error = refusal(server)
    assert error.code == "external.no_command", "Who stands at the address does not matter without a command."
    assert "Settings" in error.fix


@pytest.mark.parametrize("command", ["no-such-program", "./no-such-program", str(Path(__file__)), "/"])
def test_command_that_can_not_be_started(make: Make, command: str) -> None:
    error = refusal(make(command))
    assert error.code == "external.cannot_start"
    assert error.what.startswith("The command can't be started: ")
    assert error.fix == "Check command and folder in Settings."


def test_folder_that_is_not_there(make: Make, tmp_path: Path) -> None:
    assert refusal(make(sys.executable, folder=str(tmp_path / "gone"))).code == "external.cannot_start"


def test_command_that_ends_at_once_is_quoted(make: Make) -> None:
    says = "import os, sys; print('line one'); sys.exit('no database at ' + os.environ['STRIPE_SECRET_KEY'] + '\\n')"
    error = refusal(make(sys.executable, "-c", says))
    assert error.code == "external.ended"
    assert error.what == "The server ended at once. Its last line: no database at [redacted]"


def test_command_that_ends_without_a_word(make: Make) -> None:
    server = make(sys.executable, "-c", "raise SystemExit(3)")
    assert refusal(server).what == "The server ended at once. Its last line: It printed nothing."
    assert server.words == "Ended with exit code 3."


def test_last_line_is_of_this_start_and_not_of_the_one_before(make: Make, tmp_path: Path) -> None:
    first = tmp_path / "first"
    says = (
        f"import pathlib, sys; p = pathlib.Path({str(first)!r}); p.exists() and sys.exit(1); p.touch(); sys.exit('a')"
    )
    server = make(sys.executable, "-c", says)
    assert refusal(server).what.endswith("last line: a")
    assert refusal(server).what.endswith("It printed nothing.")


def test_server_that_never_answers(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_server, "START_S", 0.3)
    server = make(sys.executable, "-c", "import threading; threading.Event().wait(60)")
    error = refusal(server)
    assert error.code == "external.silent"
    assert "does not answer at http://127.0.0.1:" in error.what
    assert server.running, "Its log may still say why."


# --- the port is taken ------------------------------------------------------------------------------------------------


def test_server_of_somebody_else_is_not_ended(make: Make, port: int) -> None:
    server = make(*standin(port))
    with started_by_hand(port) as stranger:
        error = refusal(server)
        assert error.code == "external.stranger"
        assert "did not start" in error.what
        assert stranger.poll() is None
        assert not server.running


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_server_of_somebody_else_is_ended_once_the_operator_agreed(make: Make, port: int) -> None:
    server = make(*standin(port))
    with started_by_hand(port) as stranger:
        found = server.stranger()
        assert found is not None
        assert (found.pid, found.command[1:]) == (stranger.pid, (str(STANDIN), str(port)))
        assert refusal(server, replacing=os.getpid()).code == "external.stranger", "It ends one that was not named."
        assert server.restart(SECRETS, replacing=found.pid).healthy
        assert stranger.wait(5) == -signal.SIGTERM


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_server_of_somebody_else_that_will_not_end_is_left_alone(
    make: Make, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_server, "STOP_S", 0.3)
    with started_by_hand(port, "deaf") as stranger:
        assert refusal(make(*standin(port)), replacing=stranger.pid).code == "external.stranger"
        assert stranger.poll() is None


def test_other_program_on_the_port(make: Make) -> None:
    """It is no BioQL server, so ours is tried, and says itself that the port is taken."""
    with saying(http(b"<html>It works!</html>")) as address:
        port = int(address.rpartition(":")[2])
        error = refusal(make(*standin(port), url=f"{address}/health"))
    assert error.code == "external.ended"
    assert "Address already in use" in error.what


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:99999", "nonsense", ""])
def test_address_with_a_slip(make: Make, url: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_server, "START_S", 0.2)
    server = make(*standin(port), url=url)
    assert server.stranger() is None
    error = refusal(server)
    assert error.code == "external.silent"
    assert "health address" in error.fix


# --- it does not end --------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "Processes",
    "an external server ignores the request to end",
    "It is made to end.",
    figure="killed after 0.3 s here, 5 s as it is used",
)
def test_child_that_will_not_end_is_made_to(make: Make, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_server, "STOP_S", 0.3)
    server = make(*standin(port, "deaf"))
    server.restart(SECRETS)
    first = server.pid
    assert server.restart(SECRETS).healthy, "The old one still has the port."
    assert server.pid != first
    server.stop()
    assert server.tail(1) == ["It did not end within 0.3 s and was killed."]
    assert not check(f"http://127.0.0.1:{port}").reachable


def test_stopped_child_is_made_to_end(make: Make, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_server, "STOP_S", 0.3)
    server = make(*standin(port))
    server.restart(SECRETS)
    child = server.pid or 0
    os.kill(child, signal.SIGSTOP)
    server.stop()
    wait_until(lambda: not Path(f"/proc/{child}").exists())


def test_stopping_what_has_ended_or_never_ran_is_no_failure(make: Make, port: int) -> None:
    server = make(*standin(port))
    server.stop()
    server.restart(SECRETS)
    os.kill(server.pid or 0, signal.SIGKILL)
    server.stop()
    server.stop()


# --- the disk is full -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_costs_the_log_and_not_the_server(make: Make, port: int, data_dir: Path) -> None:
    """Nobody reading its output would stop it as soon as the pipe is full."""
    (data_dir / "logs").mkdir()
    (data_dir / "logs/external.log").symlink_to("/dev/full")
    server = make(*standin(port, "chatty"))
    assert server.restart(SECRETS).healthy
    wait_until(lambda: "Stripe webhook handler enabled" in server.tail())


def test_log_folder_that_can_not_be_made_costs_the_log_and_not_the_server(
    make: Make, port: int, data_dir: Path
) -> None:
    (data_dir / "logs").write_text("a file is in the way")
    assert make(*standin(port, "chatty")).restart(SECRETS).healthy


def test_log_does_not_grow_for_ever(make: Make, port: int, data_dir: Path) -> None:
    log = data_dir / "logs/external.log"
    log.parent.mkdir()
    log.write_text("x" * 2_000_001)
    make(*standin(port)).restart(SECRETS)
    assert log.stat().st_size < 2000
    assert log.with_name("external.log.1").stat().st_size == 2_000_001
    assert not files_with(SECRETS["STRIPE_SECRET_KEY"], data_dir)


def test_no_thread_is_left_behind(make: Make, port: int) -> None:
    server = make(*standin(port))
    server.restart(SECRETS)
    server.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "child-output"]
