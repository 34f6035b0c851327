"""Stripe's command line as a source of events: started, watched, its secret read, started again, and ended with us."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.changes import Change, Changes
from bioql_console.services.child_process import ChildProcess
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.redaction import remember_secret
from bioql_console.services.stripe_cli_output import (
    ANSWERED,
    CONNECTED,
    DEBUG,
    DISCONNECTED,
    SECRET,
    UNANSWERED,
    Ending,
    ending,
)
from bioql_console.services.stripe_cli_program import (
    CliProgram,
    find,
    install_command,
    listen_command,
    listen_environment,
)

STOP_S = 3.0
LAST_LINES = 5
# After so many failures in a row it is left alone. The pauses between them double.
MOST_FAILURES = 6
FIRST_PAUSE_S = 1.0
# A session that lasted so long was no failure to start.
LASTED_S = 60.0
LOST = "Its connection to Stripe broke; it tries again by itself."
LOST_CURE = "Fetch missed brings in what comes meanwhile."


class CliState(Enum):
    """How it stands."""

    MISSING = "not installed"
    OFF = "off"
    WAITING = "waits for the listener"
    CONNECTING = "connecting"
    LISTENING = "listening"
    RECONNECTING = "reconnecting"
    RESTARTING = "starting again"
    ENDED = "ended"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class CliStatus:
    """What the window shows of it.

    Args:
        reason: Why it is not listening, one sentence; empty while it is.
        cure: The one next step.
        since_ms: Since when it listens.
        forwarded: Events that our listener took from it since then.
        refused: Events that our listener did not take.
    """

    state: CliState = CliState.OFF
    reason: str = ""
    cure: str = ""
    version: str = ""
    since_ms: int | None = None
    forwarded: int = 0
    refused: int = 0


class SessionSecret:
    """The signing secret of the running session, in memory only: the listener accepts it as one more."""

    def __init__(self) -> None:
        self._secret = ""

    def all(self) -> Sequence[str]:
        return [self._secret] if self._secret else []

    def keep(self, secret: str) -> None:
        remember_secret(secret)
        self._secret = secret

    def forget(self) -> None:
        self._secret = ""


class StripeCli:
    """One session at a time, on a thread that watches it. Ends only what it started.

    Not offered in Live: Stripe means it for development, and the list is followed there every half minute.

    Args:
        folder: Its home, of its own.
        configured: The program's path; empty for the one on PATH.
        secret_key: None when there is none; may raise OperatorError.
        stripe_base: The sandbox's address; None for Stripe.
    """

    def __init__(
        self,
        environment: Environment,
        folder: Path,
        log_file: Path,
        *,
        configured: Callable[[], str],
        secret_key: Callable[[], str | None],
        stripe_base: str | None,
        listener: ListenerStatus,
        secret: SessionSecret,
        changes: Changes,
        now_ms: Callable[[], int],
    ) -> None:
        self._environment, self._folder, self._log_file = environment, folder, log_file
        self._configured, self._secret_key, self._stripe_base = configured, secret_key, stripe_base
        self._listener, self._secret, self._changes, self._now_ms = listener, secret, changes, now_ms
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._child: ChildProcess | None = None
        self.status = CliStatus(CliState.NOT_OFFERED if environment.livemode else CliState.OFF)
        self._unsubscribe = changes.subscribe(self._hear)

    @property
    def pid(self) -> int | None:
        """The running session's process."""
        child = self._child
        return child.pid if child is not None and child.exit_code is None else None

    def secrets(self) -> Sequence[str]:
        """The signing secret while a session runs."""
        return self._secret.all()

    def tail(self) -> list[str]:
        """Its last output, redacted."""
        return self._child.tail(100) if self._child is not None else []

    def look(self) -> None:
        """Find out whether it is installed, unless it runs. Blocks for a moment."""
        if self._environment.livemode or self._thread is not None:
            return
        program = self._found()
        if program is not None and self.status.state is CliState.MISSING:
            self._show(CliStatus(version=program.version))
        elif program is not None:
            self._show(replace(self.status, version=program.version))

    def start(self) -> None:
        """Start a session and keep it running. Does nothing when one is kept running."""
        with self._lock:
            if self._environment.livemode or (self._thread is not None and self._thread.is_alive()):
                return
            self._wanted = True
            self._wake.clear()
            # The child is killed when the thread that started it ends, so this one stays as long as it runs.
            self._thread = threading.Thread(target=self._keep_running, name="stripe-cli", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the session: asked first, then killed."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._wanted = False
            self._wake.set()
        if thread is not None:
            thread.join(2 * STOP_S + 1)

    def close(self) -> None:
        self._unsubscribe()
        self.stop()

    def _hear(self, change: Change) -> None:
        """The listener was switched on or off, or moved to another port."""
        if change.topic == "listener":
            self._wake.set()

    def _show(self, status: CliStatus) -> None:
        if status != self.status:
            self.status = status
            self._changes.publish(Change("cli"))

    def _found(self) -> CliProgram | None:
        try:
            program = find(self._configured(), self._folder)
        except OperatorError as error:
            self._show(CliStatus(CliState.MISSING, error.what, error.fix))
            return None
        if program is None:
            self._show(CliStatus(CliState.MISSING, "It is not on this computer.", f"Install it: {install_command()}"))
        return program

    def _keep_running(self) -> None:
        failures = 0
        while self._wanted:
            began = time.monotonic()
            why = self._session()
            if why is None:
                failures = 0
                continue
            failures = 1 if time.monotonic() - began >= LASTED_S else failures + 1
            if why.final or failures >= MOST_FAILURES:
                self._end(why, failures)
                return
            self._show(CliStatus(CliState.RESTARTING, why.what, why.fix, self.status.version))
            self._pause(FIRST_PAUSE_S * 2 ** (failures - 1))
        self._secret.forget()
        if self.status.state is not CliState.MISSING:
            self._show(CliStatus(version=self.status.version))

    def _end(self, why: Ending, failures: int) -> None:
        self._secret.forget()
        self._wanted = False
        tried = f" It was started {failures} times." if failures > 1 else ""
        self._show(CliStatus(CliState.ENDED, why.what + tried, why.fix, self.status.version))

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._wanted and (left := deadline - time.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()

    def _session(self) -> Ending | None:
        """Run one session to its end. None when it is no longer wanted as it was."""
        program = self._found()
        if program is None:
            self._wanted = False
            return None
        if not self._listener.on:
            self._show(CliStatus(CliState.WAITING, "The listener is off.", "Switch the listener on.", program.version))
            self._wake.wait()
            self._wake.clear()
            return None
        try:
            key = self._secret_key()
        except OperatorError as error:
            return Ending(error.what, error.fix, final=True)
        if key is None:
            word = self._environment.word
            return Ending(f"There is no {word} secret key.", "Enter it in Settings › Credentials.", final=True)
        self._show(CliStatus(CliState.CONNECTING, version=program.version))
        return self._watch(program, key, self._listener.address)

    def _watch(self, program: CliProgram, key: str, address: str) -> Ending | None:
        remember_secret(key)
        command = listen_command(program, address, sorted(DECISIONS), self._stripe_base)
        environment = listen_environment(self._folder, key, self._stripe_base)
        try:
            child = ChildProcess(
                command, str(self._folder), environment, self._log_file, self._wake.set, hear=self._heard
            )
        except OSError as error:
            return Ending(f"It can't be started: {error.strerror}.", "Choose another program.", final=True)
        self._child = child
        while child.exit_code is None:
            self._wake.wait()
            self._wake.clear()
            if not self._wanted or not self._listener.on or self._listener.address != address:
                child.stop(STOP_S)
                return None
        child.last_words()
        return ending(child.exit_code, child.tail(LAST_LINES))

    def _heard(self, line: str) -> bool:
        """A line as it was printed, and whether it is kept. Called on the thread that reads them."""
        if DEBUG in line:
            self._connection(line)
            return False
        if found := SECRET.search(line):
            self._secret.keep(found[1])
            self._show(CliStatus(CliState.LISTENING, version=self.status.version, since_ms=self._now_ms()))
        elif found := ANSWERED.search(line):
            self._count(taken=found[1].startswith("2"))
        elif UNANSWERED in line:
            self._count(taken=False)
        return True

    def _connection(self, line: str) -> None:
        status = self.status
        if status.state is CliState.LISTENING and DISCONNECTED.search(line):
            self._show(replace(status, state=CliState.RECONNECTING, reason=LOST, cure=LOST_CURE))
        elif status.state is CliState.RECONNECTING and CONNECTED in line:
            self._show(replace(status, state=CliState.LISTENING, reason="", cure=""))

    def _count(self, *, taken: bool) -> None:
        status = self.status
        forwarded, refused = status.forwarded + taken, status.refused + (not taken)
        self._show(replace(status, state=CliState.LISTENING, reason="", cure="", forwarded=forwarded, refused=refused))
