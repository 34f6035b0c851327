"""A ledger moves into another database: every row, compared, and written in one place only."""

import json
import threading
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.moving import answer, run_move
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.storage import alone
from bioql_console.storage.comparing import same_tables, sums
from bioql_console.storage.database import Database, sqlite_url
from tests.databases import a_user_of
from tests.storage.moving import TEST, asked, filled, opened, refused, some_of_everything
from tests.storage.people import NOW, person, rows, tamper
from tests.storage.test_restore import url_of

pytestmark = pytest.mark.postgresql


@pytest.mark.fault(
    "Backup",
    "A ledger is moved from a file into a team's PostgreSQL",
    "Every row of every table is the same in both, new rows get new ids, and the old file takes no more writes.",
    figure="120,000 rows in 7 s of CPU, 35 MB of memory for any number",
)
def test_everything_comes_along(
    sqlite_database: Database, postgresql_url: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(sqlite_database)
    some_of_everything(sqlite_database)
    with sqlite_database._engine.connect() as connection:
        before = sums(connection, lambda _rows, _words: None)
    assert all(each.rows for each in before if each.name != "moves")
    sqlite_database.close()
    assert answer(asked(sqlite_database, postgresql_url, data_dir), as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["marked"], said["users"]) == (True, True, 21)
    assert [(each["table"], each["rows"], each["checksum"]) for each in said["tables"]] == [
        (each.name, each.rows, each.checksum) for each in before
    ]
    assert any("press Database…" in step for step in said["next"])
    team = opened(postgresql_url)
    try:
        with team.write() as work:
            added = work.users.add(person("New"))
            work.ledger.post(payment_fact("pi_2", 1, 4, NOW, ""))
            work.commit()
            assert work.verifier.run().ok
        assert added is not None
        assert added.id == 22
        (words,) = rows(team, "SELECT subject FROM activity WHERE action = 'moved the ledger here'")[0]
        assert words == team.words
    finally:
        team.close()
    with pytest.raises(OperatorError) as elsewhere:
        sqlite_database.open(None)
    assert elsewhere.value.code == "db.moved_away"
    assert team.words in elsewhere.value.what
    sqlite_database.close()
    assert refused(asked(sqlite_database, postgresql_url, data_dir)).code == "db.moved_away"


def test_the_sums_see_what_differs(sqlite_database: Database, postgresql_url: str, data_dir: Path) -> None:
    filled(sqlite_database)
    run_move(asked(sqlite_database, postgresql_url, data_dir))
    team = opened(postgresql_url)
    tamper(team, "UPDATE postings SET micros = micros + 1 WHERE id = 3")
    with sqlite_database._engine.connect() as here, team._engine.connect() as there:
        with pytest.raises(OperatorError) as differs:
            same_tables(here, there, lambda _rows, _words: None)
        assert "postings" in differs.value.what or "activity" in differs.value.what
    team.close()


def test_a_ledger_moves_back(sqlite_database: Database, postgresql_url: str, data_dir: Path, tmp_path: Path) -> None:
    filled(sqlite_database)
    run_move(asked(sqlite_database, postgresql_url, data_dir))
    team = opened(postgresql_url)
    with team.write() as work:
        work.ledger.post(payment_fact("pi_2", 1, 4, NOW, ""))
        work.commit()
    team.close()
    back = sqlite_url(tmp_path / "back.db")
    found = run_move(asked(team, back, data_dir))
    assert found.moved.marked
    own = opened(back)
    with own.read() as work:
        assert work.verifier.run().ok
    assert rows(own, "SELECT count(*) FROM journal_entries WHERE kind = 'payment'") == [(2,)]
    assert rows(own, "SELECT count(*) FROM users_search WHERE users_search MATCH 'User 1'")[0][0]
    own.close()
    with pytest.raises(OperatorError) as elsewhere:
        team.open(None)
    assert elsewhere.value.code == "db.moved_away"


def test_who_is_just_leaving_a_server_is_waited_for(postgresql_url: str) -> None:
    team = opened(postgresql_url)
    leaving = team._engine.raw_connection()
    leaving.detach()
    goes = threading.Timer(0.2, leaving.close)
    with team._engine.begin() as connection:
        goes.start()
        alone.take(connection, team.words)
    goes.join()
    team.close()


@pytest.mark.fault(
    "Backup",
    "A ledger is moved while a console has it open, or into a database that is used or not empty",
    "It is refused in a sentence before anything is changed.",
    figure="7 reasons, 0 rows moved",
)
def test_what_cannot_be_moved_is_refused(sqlite_database: Database, postgresql_url: str, data_dir: Path) -> None:
    filled(sqlite_database, 3)
    options = asked(sqlite_database, postgresql_url, data_dir)
    with InstanceLock(data_dir, "window"):
        assert refused(options).code == "instance.running"
    with sqlite_database._engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM users")
        assert refused(options).code == "db.in_use"
    sqlite_database.close()
    team = opened(postgresql_url)
    with team.read() as work:
        assert work.users.get(1) is None
        assert refused(options).code == "db.in_use"
    with team.write() as work:
        work.accounts.set(TEST, LedgerAccount("acct_other", "Other", NOW))
        work.commit()
    team.close()
    assert "acct_other" in refused(options).what
    with team.write() as work:
        work.activity.record("ada", "began", "here")
        work.commit()
    team.close()
    assert refused(options).code == "move.not_empty"
    assert refused(options._replace(target=url_of(sqlite_database))).code == "move.same"
    assert refused(options._replace(database=None, environment=Environment.SANDBOX)).code == "move.sandbox"
    stranger = a_user_of(postgresql_url)
    assert refused(options._replace(target=stranger)).code == "db.right_missing"
    sqlite_database._file = None
    sqlite_database.open(None)
