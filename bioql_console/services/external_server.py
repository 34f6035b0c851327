"""Starting a configured BioQL server with the keychain's secrets in its environment: the cure for the incident."""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bioql_console.domain.errors import OperatorError
from bioql_console.services.redaction import redacted
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
START_S = 15.0
STOP_S = 5.0
LOOK_EVERY_S = 0.1
TAIL_LINES = 500


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
        self._child: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def configured(self) -> bool:
        return bool(self._config().command)

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.running else None

    @property
    def words(self) -> str:
        """How it stands, one sentence."""
        if not self.configured:
            return "No external server is configured."
        if self._child is None:
            return "Not started by this console."
        code = self._child.poll()
        return f"Running as process {self._child.pid}." if code is None else f"Ended with exit code {code}."

    def tail(self, lines: int = 100) -> list[str]:
        """Its last output, redacted."""
        return list(self._tail)[-lines:]

    def health(self) -> HealthReport:
        return check(self._config().health_url)

    def restart(self, secrets: Mapping[str, str]) -> HealthReport:
        """Stop our child, if any, and start it again with `secrets` in its environment, and nowhere else.

        Returns:
            Its health once it answers.

        Raises:
            OperatorError: `external.*`; what was running before is stopped then.
        """
        with self._lock:
            self._stop()
            config = self._config()
            self._refuse_stranger(config)
            self._start(config, secrets)
            return self._wait_until_healthy(config)

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def _refuse_stranger(self, config: ExternalConfig) -> None:
        """An instance that somebody else started keeps the port; we must not end it."""
        if check(config.health_url, timeout_s=1.0).reachable:
            raise OperatorError(
                "A server that this console did not start already answers there.",
                fix="End it where it was started, then press Restart again.",
                code="external.stranger",
            )

    def _start(self, config: ExternalConfig, secrets: Mapping[str, str]) -> None:
        if not config.command:
            raise OperatorError(
                "No external server is configured.", fix="Enter its command in Settings.", code="external.no_command"
            )
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment |= {"PYTHONUNBUFFERED": "1", **secrets}
        try:
            child = subprocess.Popen(
                list(config.command),
                cwd=config.folder or None,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise OperatorError(
                f"The command can't be started: {error.strerror}.",
                fix="Check command and folder in Settings.",
                code="external.cannot_start",
            ) from error
        self._child = child
        self._reader = threading.Thread(target=self._read, args=(child,), name="external-log", daemon=True)
        self._reader.start()
        self._on_change()

    def _read(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        descriptor = os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with child.stdout, os.fdopen(descriptor, "w", encoding="utf-8") as log:
            for raw in child.stdout:
                line = redacted(raw.decode("utf-8", "replace").rstrip())
                self._tail.append(line)
                log.write(line + "\n")
                log.flush()
        child.wait()
        self._on_change()

    def _wait_until_healthy(self, config: ExternalConfig) -> HealthReport:
        deadline = time.monotonic() + START_S
        pause = threading.Event()
        while time.monotonic() < deadline:
            child = self._child
            if child is None or child.poll() is not None:
                last = self._tail[-1] if self._tail else "It printed nothing."
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
        if child is None or child.poll() is not None:
            return
        # Its whole group: many servers start helpers.
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(STOP_S)
        if self._reader is not None:
            self._reader.join(STOP_S)
