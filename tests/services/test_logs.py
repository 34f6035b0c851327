"""The log file: private, bounded, redacted, and never a reason to stop."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bioql_console.services import logs
from bioql_console.services.logs import FILE, KEPT_FILES, set_up_logs

KEY = "sk_test_canary77"
log = logging.getLogger("bioql_console")


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give the root logger back as it was, and close what was opened."""
    root = logging.getLogger()
    before, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    yield
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        with suppress(OSError):
            handler.close()
    root.setLevel(level)
    logging.raiseExceptions = raising


def lines(data_dir: Path) -> list[str]:
    return (data_dir / "logs" / FILE).read_text().splitlines()


def test_log_is_private_and_says_who_and_when(data_dir: Path) -> None:
    set_up_logs(data_dir)
    log.info("Started with %s", KEY)
    assert (data_dir / "logs").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "logs" / FILE).stat().st_mode & 0o777 == 0o600
    (line,) = lines(data_dir)
    assert line.endswith("INFO bioql_console: Started with [redacted]")
    assert line.startswith("20")


def test_libraries_that_quote_requests_are_kept_quiet(data_dir: Path) -> None:
    set_up_logs(data_dir)
    logging.getLogger("httpx").info("GET https://api.stripe.com/v1/account")
    logging.getLogger("stripe").info("message='Request to Stripe api'")
    assert lines(data_dir) == []


def test_setting_up_again_does_not_double_the_lines(data_dir: Path, tmp_path: Path) -> None:
    set_up_logs(data_dir)
    set_up_logs(data_dir)
    log.info("once")
    assert len(lines(data_dir)) == 1


def test_old_files_are_few_and_private_too(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST_FILE", 400)
    set_up_logs(data_dir)
    for number in range(200):
        log.info("line %d with %s", number, KEY)
    files = sorted((data_dir / "logs").iterdir())
    assert len(files) == 1 + KEPT_FILES
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all(KEY not in path.read_text() for path in files)
    assert "line 199" in lines(data_dir)[-1]


@pytest.mark.expected_logs("hello")
def test_folder_that_can_not_be_made_sends_the_log_to_stderr(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dir / "logs").write_text("a file is in the way")
    set_up_logs(data_dir)
    log.warning("hello %s", KEY)
    assert "WARNING bioql_console: hello [redacted]" in capsys.readouterr().err


@pytest.mark.fault(
    "Database",
    "the disk is full while the log is written",
    "The work goes on without the log.",
    figure="0 bytes free, 0 failures",
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_does_not_stop_anybody(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "logs").mkdir()
    (data_dir / "logs" / FILE).symlink_to("/dev/full")
    set_up_logs(data_dir)
    log.info("nobody hears this")
    set_up_logs(data_dir)
    assert capsys.readouterr().err == ""


FAILING = """
import sys, threading
from pathlib import Path
from bioql_console.services.logs import report_bugs, set_up_logs

set_up_logs(Path(sys.argv[1]))
report_bugs(lambda text: print("shown:", text.splitlines()[-1]))

def fail(kind):
    raise kind(f"could not use {sys.argv[2]}")

for kind in (ValueError, SystemExit):
    thread = threading.Thread(target=fail, args=(kind,))
    thread.start()
    thread.join()
fail(LookupError)
"""


def test_failure_that_nobody_caught_is_reported_without_the_secret(data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(data_dir), KEY],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "shown: ValueError: could not use [redacted]",
        "shown: LookupError: could not use [redacted]",
    ]
    text = (data_dir / "logs" / FILE).read_text()
    for whole in (text, done.stderr):
        assert KEY not in whole
        assert "in fail" in whole
        assert "LookupError: could not use [redacted]" in whole
