"""The real Stripe CLI, watched: what it is given, what it says when it can't go on, and that it never outlives us."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services import parent_death
from bioql_console.services import stripe_cli as supervision
from bioql_console.services.changes import Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.stripe_cli import CliState, SessionSecret, StripeCli
from bioql_console.services.stripe_cli_output import ending
from bioql_console.services.stripe_cli_program import find
from tests.services import cli_owner
from tests.services.leaks import files_with
from tests.services.loopback import answering, http, saying
from tests.services.test_external_server import environment_of
from tests.sources import ROOT
from tests.stripe_cli import stripe_cli, stripe_cli_missing
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(stripe_cli_missing()), reason=stripe_cli_missing() or "it is there")

KEY = "rk_test_canary4242"
ADDRESS = "http://127.0.0.1:9/webhooks/stripe"
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends children with their parent")
PLAIN = {**os.environ, "PYTHONPATH": str(ROOT)}
Make = Callable[..., StripeCli]


@pytest.fixture
def make(data_dir: Path) -> Iterator[Make]:
    """Makes supervisors whose sessions are gone when the test is over."""
    made = []

    def supervisor(base: str, *, program: str = "", key: str | None = KEY, listening: bool = True) -> StripeCli:
        changes = Changes()
        listener = ListenerStatus(changes)
        if listening:
            listener.turn_on(ADDRESS)
        made.append(
            StripeCli(
                Environment.SANDBOX,
                data_dir / "stripe-cli",
                data_dir / "logs/stripe-cli.log",
                configured=lambda: program or str(stripe_cli()),
                secret_key=lambda: key,
                stripe_base=base,
                listener=listener,
                secret=SessionSecret(),
                changes=changes,
                now_ms=lambda: 0,
            )
        )
        return made[-1]

    yield supervisor
    for each in made:
        each.close()


def silent(_connection: socket.socket, over: threading.Event) -> None:
    """Takes the call and never answers."""
    over.wait(30)


def refusing(status: str, message: str) -> bytes:
    body = json.dumps({"error": {"type": "invalid_request_error", "message": message}}).encode()
    return http(body, status, "Content-Type: application/json")


def ended(cli: StripeCli) -> supervision.CliStatus:
    cli.start()
    wait_until(lambda: cli.status.state is CliState.ENDED, 15)
    assert cli.pid is None
    return cli.status


# --- what it is given ---


@LINUX
def test_the_key_is_in_its_environment_and_nowhere_else(
    make: Make, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_of_another_day")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of another program")
    with answering(silent) as base:
        cli = make(base)
        cli.start()
        wait_until(lambda: cli.pid is not None and b"listen" in Path(f"/proc/{cli.pid}/cmdline").read_bytes())
        # It is Python until it has become the program.
        wait_until(lambda: b"parent_death" not in Path(f"/proc/{cli.pid}/cmdline").read_bytes())
        wait_until(lambda: bool(environment_of(cli.pid or 0)))  # in the middle of becoming it, it has none
        words = Path(f"/proc/{cli.pid}/cmdline").read_bytes().decode().split("\0")
        given = environment_of(cli.pid or 0)
        assert given["STRIPE_API_KEY"] == KEY
        assert given["HOME"] == given["XDG_CONFIG_HOME"] == str(data_dir / "stripe-cli")
        assert given["STRIPE_CLI_TELEMETRY_OPTOUT"] == "1"
        assert "AWS_SECRET_ACCESS_KEY" not in given
        assert KEY not in " ".join(words)
        assert words[words.index("--forward-to") + 1] == ADDRESS
        assert words[words.index("--events") + 1] == ",".join(sorted(DECISIONS))
        assert words[words.index("--api-base") + 1] == base
        cli.stop()
    assert not files_with(KEY, data_dir)


def test_the_program_behind_npms_script_is_used(tmp_path: Path) -> None:
    program = stripe_cli() or Path()
    script = tmp_path / "node_modules/@stripe/cli/bin/shim.js"
    script.parent.mkdir(parents=True)
    script.touch()
    beside = tmp_path / "node_modules/@stripe" / program.parents[1].name
    beside.symlink_to(program.parents[1])
    found = find(str(script), tmp_path / "home")
    assert found is not None
    assert found.path.resolve() == program.resolve()
    assert found.version.startswith("1.")


def test_another_program_of_that_name_is_not_taken_for_it(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is not Stripe's command line") as refused:
        find(shutil.which("true") or "", tmp_path)
    assert "Install" in refused.value.fix or "install" in refused.value.fix


def test_where_there_is_none_the_way_to_get_it_is_said(make: Make, tmp_path: Path) -> None:
    cli = make("http://127.0.0.1:9", program=str(tmp_path / "absent"))
    cli.look()
    assert cli.status.state is CliState.MISSING
    assert "npm install" in cli.status.cure
    cli.start()
    wait_until(lambda: cli.status.state is CliState.MISSING)
    assert cli.pid is None


# --- what it says when it can't go on ---


def test_a_refused_key_is_said_and_not_tried_again(make: Make) -> None:
    with saying(refusing("401 Unauthorized", f"Invalid API Key provided: {KEY}")) as base:
        status = ended(make(base))
    assert status.reason == "Stripe does not accept the key."
    assert status.cure == "Enter a current key in Settings › Credentials."


def test_a_missing_permission_is_named(make: Make, data_dir: Path) -> None:
    with saying(refusing("403 Forbidden", f"The key {KEY} does not have the required permissions")) as base:
        cli = make(base)
        status = ended(cli)
    assert "Stripe CLI permission" in status.cure
    assert not any(KEY in line for line in cli.tail())
    assert not files_with(KEY, data_dir)


def test_without_a_key_nothing_is_started(make: Make) -> None:
    assert ended(make("http://127.0.0.1:9", key=None)).reason == "There is no SANDBOX secret key."


def test_it_is_started_again_a_few_times_and_then_left_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(supervision, "MOST_FAILURES", 3)
    asked: list[bytes] = []

    def too_many(connection: socket.socket, _over: threading.Event) -> None:
        asked.append(connection.recv(65_536))
        connection.sendall(refusing("429 Too Many Requests", "too many"))

    with answering(too_many) as base:
        cli = make(base)
        status = ended(cli)
        assert status.reason == "Too many sessions are open at Stripe. It was started 3 times."
        assert len(asked) == 3
        cli.start()
        wait_until(lambda: len(asked) > 3)


@pytest.mark.parametrize(
    ("code", "last", "what"),
    [
        (-9, "", "It was killed."),
        (1, "level=fatal msg=dial tcp: lookup api.stripe.com: no such host", "Stripe can't be reached."),
        (1, "unknown flag: --events", "This version of it is too old."),
        (2, "panic: out of luck", "It ended by itself. Its last line: panic: out of luck"),
        (0, "", "It ended by itself. It said nothing."),
    ],
)
def test_an_end_has_a_reason(code: int, last: str, what: str) -> None:
    assert ending(code, [last] if last else []).what == what


# --- it never outlives us ---


OWNER = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), *sys.argv[2:]])
print(child.pid, flush=True)
sys.stdin.read()
"""


def killed(*command: str) -> int:
    """Start an owner, kill it, and answer the process number of what it had started."""
    pipe = subprocess.PIPE
    owner = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=PLAIN, stdin=pipe, stdout=pipe)
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        wait_until(lambda: b"parent_death" not in Path(f"/proc/{pid}/cmdline").read_bytes())
        owner.send_signal(signal.SIGKILL)
    return pid


@LINUX
def test_a_child_is_killed_with_its_parent() -> None:
    """One that has no other reason to end."""
    pid = killed("-c", OWNER, parent_death.__file__, shutil.which("sleep") or "", "60")
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.fault(
    "Processes",
    "the console is killed while Stripe's command line runs",
    "It is killed with it.",
    figure="1 kill, 0 processes left",
)
@LINUX
def test_it_is_killed_with_the_console(tmp_path: Path) -> None:
    with answering(silent) as base:
        pid = killed(cli_owner.__file__, str(stripe_cli()), base, str(tmp_path))
        wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_stopping_ends_it_at_once(make: Make) -> None:
    with answering(silent) as base:
        cli = make(base)
        cli.start()
        wait_until(lambda: cli.pid is not None)
        pid = cli.pid
        cli.stop()
        assert cli.status.state is CliState.OFF
        assert not Path(f"/proc/{pid}").exists()


def test_it_waits_for_the_listener_and_ends_with_it(make: Make) -> None:
    with answering(silent) as base:
        cli = make(base, listening=False)
        cli.start()
        wait_until(lambda: cli.status.state is CliState.WAITING)
        cli._listener.turn_on(ADDRESS)
        wait_until(lambda: cli.pid is not None)
        pid = cli.pid
        cli._listener.turn_on("http://127.0.0.1:10/webhooks/stripe")
        wait_until(lambda: cli.pid not in (None, pid))
        cli._listener.turn_off()
        wait_until(lambda: cli.status.state is CliState.WAITING and cli.pid is None)
