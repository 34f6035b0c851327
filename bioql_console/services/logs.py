"""Logging to a private, rotating file, with every record redacted; bugs from anywhere end in one report."""

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from bioql_console.services.redaction import redacted

FILE = "console.log"
LARGEST_FILE = 2_000_000
KEPT_FILES = 4
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Their messages below this quote requests, headers or statements.
QUIET = {"stripe": logging.ERROR, "httpx": logging.WARNING, "httpcore": logging.WARNING, "uvicorn": logging.WARNING}

log = logging.getLogger("bioql_console")


# What moves a terminal's cursor, hides text or ends a line somewhere, as \x1b, \r or \u2028; not the line feed.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


class RedactingFormatter(logging.Formatter):
    """Formats first, then redacts: arguments, exception and stack are covered alike.

    Only a record begins at the start of a line; further lines are indented. So no text from outside can look like a
    record of its own, and control characters are written out.
    """

    def format(self, record: logging.LogRecord) -> str:
        first, *more = _CONTROLS.sub(_written_out, redacted(super().format(record))).split("\n")
        return "\n    ".join([first, *more])


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class _PrivateRotatingFile(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]  # the base class's type is private
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return super()._open()


def set_up_logs(data_dir: Path, *, to_stderr: bool = False) -> None:
    """Send every logger to `logs/console.log` in the data folder, and warnings to stderr if asked.

    A full or read-only disk never stops the program: the log goes to stderr alone then.
    """
    handlers: list[logging.Handler] = []
    try:
        folder = data_dir / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        handlers.append(
            _PrivateRotatingFile(folder / FILE, maxBytes=LARGEST_FILE, backupCount=KEPT_FILES, encoding="utf-8")
        )
    except OSError:
        to_stderr = True
    if to_stderr:
        stream = logging.StreamHandler(sys.stderr)
        stream.setLevel(logging.WARNING)
        handlers.append(stream)
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler.formatter, RedactingFormatter)]:
        root.removeHandler(old)
        with suppress(OSError):  # what it could not write is lost; the new one is there
            old.close()
    for handler in handlers:
        handler.setFormatter(RedactingFormatter(FORMAT))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


def bug_report(error: BaseException) -> str:
    """The redacted text of an unexpected failure, for the log and for whoever mends it. Holds no variables' values."""
    return redacted("".join(traceback.format_exception(error)))


def report_bugs(show: Callable[[str], None]) -> None:
    """Route exceptions that nobody caught, on any thread, to the log and to `show` (called on their thread)."""

    def report(error: BaseException) -> None:
        text = bug_report(error)
        log.error("Unexpected failure\n%s", text)
        if sys.stderr is not None:  # there is none under pythonw
            sys.stderr.write(text)
        show(text)

    def on_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            report(error.with_traceback(trace))

    def on_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
            report(failed.exc_value)

    sys.excepthook = on_main
    threading.excepthook = on_thread
