"""A database is one environment's ledger: no other opens it, from wherever it is named."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.storage.database import Database
from tests.storage.people import NOW, rows

TEST, LIVE = Environment.TEST, Environment.LIVE


def opened(url: str, environment: Environment | None, folder: Path) -> Database:
    database = Database(url, lambda: NOW)
    database.environment = environment
    try:
        database.open(folder / "backups")
    except BaseException:
        database.close()
        raise
    return database


def refusal(url: str, environment: Environment, folder: Path, *, reading: bool = False) -> OperatorError:
    database = Database(url, lambda: NOW)
    database.environment = environment
    with pytest.raises(OperatorError) as refused:
        database.open_existing() if reading else database.open(folder / "backups")
    database.close()
    assert refused.value.code == "db.other_environment"
    return refused.value


@pytest.mark.fault(
    "Database",
    "a console, `serve` or a command of one environment is pointed at the ledger of another",
    "It is refused with whose ledger it is and what to name instead; the ledger is not touched.",
    figure="3 of 3 tries refused, on SQLite and PostgreSQL",
)
def test_the_first_environment_has_it_and_no_other_opens_it(url: str, tmp_path: Path) -> None:
    opened(url, TEST, tmp_path).close()
    for reading in (False, True):
        refused = refusal(url, LIVE, tmp_path, reading=reading)
        assert refused.what == "This database is the ledger of TEST, so LIVE can't use it; nothing was changed."
        assert "another database for LIVE in Settings" in refused.fix
        assert "--env test" in refused.fix
    refusal(url, Environment.SANDBOX, tmp_path)
    again = opened(url, TEST, tmp_path)
    assert rows(again, "SELECT environment, since_ms FROM ledger_environment") == [("test", NOW)]
    assert again.look().environment is TEST
    again.close()
    opened(url, None, tmp_path).close()  # `verify` and `backup` look at any


def test_a_ledger_of_before_is_told_by_its_account(url: str, tmp_path: Path) -> None:
    """Of one that Test and Live shared, Live keeps it: there it is about money."""
    before = opened(url, None, tmp_path)
    assert before.look().environment is None
    for known in (TEST, LIVE):
        with before.write() as work:
            work.accounts.set(known, LedgerAccount(f"acct_{known.value}", "Lab", NOW))
            work.commit()
        assert before.look().environment is known
    before.close()
    refusal(url, TEST, tmp_path)
    opened(url, LIVE, tmp_path).close()


def test_of_two_that_open_an_empty_one_at_once_one_gets_it(url: str, tmp_path: Path) -> None:
    gate = threading.Barrier(2)

    def start(environment: Environment) -> str:
        gate.wait(10)
        try:
            opened(url, environment, tmp_path).close()
        except OperatorError as error:
            return error.code
        return environment.value

    with ThreadPoolExecutor(2) as threads:
        found = set(threads.map(start, (TEST, LIVE)))
    winner = opened(url, None, tmp_path)
    ((belongs,),) = rows(winner, "SELECT environment FROM ledger_environment")
    winner.close()
    assert found == {belongs, "db.other_environment"}
