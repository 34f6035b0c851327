"""The commands take the ledger that the window would: the team's where Settings name one, with the kept password."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bioql_console import verifying
from bioql_console.backing_up import BackupOptions, run_backup
from bioql_console.core import now_ms
from bioql_console.demo_data import fill_data_dir
from bioql_console.domain.errors import OperatorError
from bioql_console.importing import ImportOptions, run_import
from bioql_console.inspection import run_doctor
from bioql_console.reconciling import ReconcileOptions, run_reconcile
from bioql_console.services.credentials import Credentials
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.team_database import DatabasePasswords
from bioql_console.settings import Settings, save
from tests.keychains import KeychainSession
from tests.legacy_files import make_file, sample_content
from tests.storage.raw import raw
from tests.teams.network import PASSWORD, Network

pytestmark = pytest.mark.postgresql


@pytest.fixture
def books(server: Network, monkeypatch: pytest.MonkeyPatch) -> str:
    """The team's ledger of Test, with its password in libpq's own variable."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return server.address("books", "ada").url()


@pytest.mark.fault(
    "Database",
    "`verify` while the team's database of one environment can't be reached",
    "The others are verified all the same, it says which ones were and which one was not, and exits with 1.",
    figure="3 environments: 1 file, 1 team's database, 1 out of reach",
)
def test_verify_takes_the_teams_ledgers_and_says_which_it_could_not_reach(
    data_dir: Path, server: Network, keyring_session: KeychainSession, capsys: pytest.CaptureFixture[str]
) -> None:
    books = server.address("books", "ada").url()
    assert DatabasePasswords(Credentials(KeychainSecrets(), now_ms)).put(books, PASSWORD) == "keychain"
    fill_data_dir(data_dir, 3, 1)
    nowhere = server.address("nowhere", "ada").url()
    save(replace(Settings(), test_database_url=books), data_dir)
    assert verifying.answer(data_dir, None, as_json=False) == 0
    assert "TEST · PostgreSQL · localhost/books: " in capsys.readouterr().out

    save(replace(Settings(), test_database_url=books, live_database_url=nowhere), data_dir)
    assert verifying.answer(data_dir, None, as_json=False) == 1
    sandbox, _, *rest = said = capsys.readouterr().out.splitlines()
    assert sandbox.startswith(f"SANDBOX · {data_dir}/sandbox/bioql.db: 3 users")
    assert "LIVE · PostgreSQL · localhost/nowhere: not verified." in rest
    assert said[-1] == "The books balance. But 1 of 3 ledgers could not be verified."
    assert verifying.answer(data_dir, None, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(each["environment"], each["ok"]) for each in found["ledgers"]] == [
        ("sandbox", True),
        ("test", True),
        ("live", None),
    ]
    assert found["ledgers"][2]["error"]["fix"]
    assert (found["ok"], found["differences"]) == (False, [])
    assert found["users"] >= 3


def test_a_damaged_file_keeps_no_other_ledger_from_being_verified(
    data_dir: Path, books: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_data_dir(data_dir, 3, 1)
    save(replace(Settings(), test_database_url=books), data_dir)
    with raw(data_dir / "sandbox" / "bioql.db") as database:
        database.execute("UPDATE balances SET receivable_micros = receivable_micros + 10000 WHERE user_id = 1")
    (data_dir / "live").mkdir()
    (data_dir / "live" / "bioql.db").write_bytes(b"no database")
    assert verifying.answer(data_dir, None, as_json=False) == 1
    said = capsys.readouterr().out
    assert "DIFFERENCE" in said
    assert "TEST · PostgreSQL · localhost/books: " in said
    assert said.splitlines()[-1].endswith("But 1 of 3 ledgers could not be verified.")


def test_every_command_takes_the_ledger_that_the_window_would(
    data_dir: Path, server: Network, books: str, tmp_path: Path
) -> None:
    save(replace(Settings(), dev_mode=False, environment="test", test_database_url=books), data_dir)
    assert run_backup(BackupOptions(tmp_path / "copies", data_dir, None, None)).backup.kind == "PostgreSQL"
    (database,) = [check for check in run_doctor(data_dir) if check.id == "database"]
    assert database.what == "Database opens: PostgreSQL · localhost/books."
    file = make_file(tmp_path / "users.db", sample_content())
    assert run_import(ImportOptions(file, True, True, data_dir, None, None)).tally.added.users
    assert not (data_dir / "test" / "bioql.db").exists()
    # It goes no further than to the ledger, which refuses to be another environment's.
    till = server.address("till", "ada").url()
    save(replace(Settings(), dev_mode=False, environment="live", live_database_url=till), data_dir)
    with pytest.raises(OperatorError) as refused:
        run_reconcile(ReconcileOptions(None, None, data_dir, None, None))
    assert refused.value.code == "db.other_environment"
