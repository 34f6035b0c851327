"""A canary secret goes through everything that may fail, and is found nowhere afterwards."""

import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import Credentials
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.logs import bug_report, set_up_logs
from bioql_console.services.secrets import SECRET_KEY_NAME
from bioql_console.settings import Settings, save
from tests.keychains import KeychainSession
from tests.services.leaks import files_with

KEY, WEBHOOK = "rk_live_canary77", "whsec_canary88"
LIVE = Environment.LIVE
log = logging.getLogger("bioql_console")


@pytest.fixture
def logged(data_dir: Path) -> Iterator[Path]:
    """The data folder of a console that logs."""
    root = logging.getLogger()
    before, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    set_up_logs(data_dir)
    yield data_dir
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.raiseExceptions = raising


def nowhere(*folders: Path) -> bool:
    found = [path for secret in (KEY, WEBHOOK) for path in files_with(secret, *folders)]
    return not found


@pytest.mark.keychain
@pytest.mark.expected_logs
def test_canary_is_in_no_file(keyring_session: KeychainSession, logged: Path) -> None:
    credentials = Credentials(KeychainSecrets())
    credentials.save_secret_key(LIVE, KEY)
    credentials.save_webhook_secret(LIVE, WEBHOOK)
    save(Settings(environment="live", dev_mode=False), logged)
    log.info("Careless: %s and %r", KEY, {"secret": WEBHOOK})
    log.warning(f"Careless with the header: Authorization: Bearer {KEY}")
    try:
        raise ValueError(f"could not use {KEY}")
    except ValueError:
        log.exception("Careless with an exception", stack_info=True)

    text = (logged / "logs/console.log").read_text()
    assert text.count("[redacted]") >= 4, "The log is not the one that was written to."
    assert nowhere(logged, keyring_session.folder, Path(os.environ["HOME"]))


@pytest.mark.keychain
def test_canary_is_in_no_failure_of_the_keychain(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets(0.5)
    keychain.put(LIVE, SECRET_KEY_NAME, KEY)
    for trouble in (keyring_session.lock, keyring_session.kill_daemon, keyring_session.kill_bus):
        trouble()
        with pytest.raises(OperatorError) as failed:
            keychain.put(LIVE, SECRET_KEY_NAME, KEY)
        whole = "".join(traceback.format_exception(failed.value))
        assert KEY not in whole
        assert "raise" in whole, "There is no traceback to look at."


def test_bug_report_tells_where_it_happened_and_no_secret() -> None:
    def charge(key: str) -> None:
        secret = key  # the value of a variable
        raise RuntimeError(f"Stripe said no to {secret} for whsec_other and bioql_abcdefgh1")

    try:
        try:
            charge(KEY)
        except RuntimeError as error:
            raise KeyError(f"postgresql://jane:hunter2@db/bioql after Bearer {KEY}") from error
    except KeyError as error:
        error.add_note(f"while {KEY} was in use")
        report = bug_report(error)
    for secret in (KEY, "whsec_other", "bioql_abcdefgh1", "hunter2"):
        assert secret not in report
    assert "in charge" in report
    assert "RuntimeError: Stripe said no to [redacted]" in report
    assert "KeyError" in report


def test_report_of_many_failures_at_once_is_redacted_too() -> None:
    report = bug_report(ExceptionGroup(f"both with {KEY}", [ValueError(KEY), OSError(5, WEBHOOK)]))
    assert KEY not in report
    assert WEBHOOK not in report
    assert "ValueError" in report
