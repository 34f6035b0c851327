"""Starting a configured BioQL server with the keychain's secrets in its environment: the cure for the incident."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bioql_console.domain.errors import OperatorError
from bioql_console.services.child_process import ChildProcess
from bioql_console.services.port_holder import PortHolder, holder_of
from bioql_console.services.redaction import remember_secret
from bioql_console.services.server_health import HealthReport, check

# Nothing else of our environment reaches the child: it may hold anything.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
START_S = 15.0
STOP_S = 5.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class ExternalConfig:
    """What to run and where to ask how it is."""

    command: Sequence[str]
    folder: str
    health_url: str


class ExternalServer:
    """One child process at a time. Ends only what it started.

    Args:
        config: Read at each start, so that changed settings count.
        log_file: The child's output is appended here, redacted.
        on_change: Called on any thread when the child starts or ends.
    """

    def __init__(
        self, config: Callable[[], ExternalConfig], log_file: Path, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._config = config
        self._log_file = log_file
        self._on_change = on_change
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._last: ChildProcess | None = None

    @property
    def configured(self) -> bool:
        return bool(self._config().command)

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.exit_code is None else None

    @property
    def words(self) -> str:
        """How it stands, one sentence."""
        if not self.configured:
            return "No external server is configured."
        child = self._child
        if child is None:
            return "Not started by this console."
        code = child.exit_code
        return f"Running as process {child.pid}." if code is None else f"Ended with exit code {code}."

    def tail(self, lines: int = 100) -> list[str]:
        """The last output of the child, redacted; still there when it has ended."""
        return self._last.tail(lines) if self._last is not None else []

    def health(self) -> HealthReport:
        return check(self._config().health_url)

    def stranger(self) -> PortHolder | None:
        """The server at the health address when somebody else started it, and it is known which process that is."""
        holder = _holder(self._config().health_url)
        return None if holder is None or holder.pid == os.getpid() or self._is_ours(holder.pid) else holder

    def _is_ours(self, pid: int) -> bool:
        """Our child, or a helper of its that listens in its place."""
        with suppress(ProcessLookupError):
            return self.pid is not None and os.getpgid(pid) == self.pid
        return False

    def restart(self, secrets: Mapping[str, str], replacing: int | None = None) -> HealthReport:
        """Stop our child, if any, and start it again with `secrets` in its environment, and nowhere else.

        Args:
            replacing: Process number of the `stranger` that the operator agreed to end; nothing else is ended.

        Returns:
            Its health once it answers.

        Raises:
            OperatorError: `external.*`; what was running before is stopped then.
        """
        with self._lock:
            self._stop()
            config = self._config()
            _require_command(config)
            if replacing is not None:
                self._end_stranger(config, replacing)
            self._refuse_stranger(config)
            child = self._start(config, secrets)
            return self._wait_until_healthy(config, child)

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def _end_stranger(self, config: ExternalConfig, pid: int) -> None:
        found = self.stranger()
        if found is None or found.pid != pid:
            return  # it went by itself, or another took its place; that one is refused below
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        pause = threading.Event()
        while _holder(config.health_url) is not None and time.monotonic() < deadline:
            pause.wait(LOOK_EVERY_S)

    def _refuse_stranger(self, config: ExternalConfig) -> None:
        """An instance that somebody else started keeps the port; we must not end it."""
        if check(config.health_url, timeout_s=1.0).reachable:
            raise OperatorError(
                "A server that this console did not start already answers there.",
                fix="End it where it was started, then press Restart again.",
                code="external.stranger",
            )

    def _start(self, config: ExternalConfig, secrets: Mapping[str, str]) -> ChildProcess:
        for secret in secrets.values():
            remember_secret(secret)  # whatever it looks like, the child may print it
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment |= {"PYTHONUNBUFFERED": "1", **secrets}
        try:
            child = ChildProcess(config.command, config.folder, environment, self._log_file, self._on_change)
        except OSError as error:
            raise OperatorError(
                f"The command can't be started: {error.strerror}.",
                fix="Check command and folder in Settings.",
                code="external.cannot_start",
            ) from error
        self._child = self._last = child
        self._on_change()
        return child

    def _wait_until_healthy(self, config: ExternalConfig, child: ChildProcess) -> HealthReport:
        deadline = time.monotonic() + START_S
        pause = threading.Event()
        while time.monotonic() < deadline:
            if child.exit_code is not None:
                last = child.last_words()
                raise OperatorError(
                    f"The server ended at once. Its last line: {last}", fix="Read its log below.", code="external.ended"
                )
            report = check(config.health_url, timeout_s=1.0)
            if report.reachable:
                return report
            pause.wait(LOOK_EVERY_S)
        raise OperatorError(
            f"The server runs but does not answer at {config.health_url} within {START_S:g} s.",
            fix="Check the health address in Settings and its log below.",
            code="external.silent",
        )

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop(STOP_S)


def _holder(health_url: str) -> PortHolder | None:
    """Who listens at an address of this machine."""
    try:
        address = urlsplit(health_url)
        port = address.port
    except ValueError:  # a slip in Settings; the health check says so
        return None
    return holder_of(port) if port and address.hostname in LOOPBACK else None


def _require_command(config: ExternalConfig) -> None:
    if not config.command:
        raise OperatorError(
            "No external server is configured.", fix="Enter its command in Settings.", code="external.no_command"
        )
