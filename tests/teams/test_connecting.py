"""The way to a team's server: who is let in, who reads along, and what is said when it fails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from bioql_console.domain.database_address import DatabaseAddress, DatabaseSeen
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.storage import postgresql
from bioql_console.storage.database import Database, look
from tests.storage.people import NOW, add_people, person, rows
from tests.teams.network import CONNECTIONS, PASSWORD, Network, older_server, silent_server
from tests.waiting import wait_until

pytestmark = pytest.mark.postgresql


@pytest.fixture(autouse=True)
def no_passwords_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))


def refused(address: DatabaseAddress, password: str | None = PASSWORD) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        look(address.url(), password)
    assert PASSWORD not in caught.value.sentence() + repr(caught.value.__cause__)
    return caught.value


# --- who reads along


def test_require_encrypts_and_the_answer_says_so(server: Network) -> None:
    seen = look(server.address("books", "ada").url(), PASSWORD)
    assert (seen.encrypted, seen.ledger) == (True, "current")
    assert seen.rights is not None
    assert seen.rights.role is Role.OPERATOR
    assert seen.words().endswith("answers, encrypted. You are bioql_operator there.")
    plain = look(server.address("books", "ada", tls="disable").url(), PASSWORD)
    assert plain.encrypted is False
    assert look(server.cluster.format("books"), None).encrypted is None


def test_verify_full_wants_the_authority_and_the_name(server: Network) -> None:
    checked = server.address("books", "ada", tls="verify-full")
    assert look(replace(checked, authority=str(server.authority)).url(), PASSWORD).encrypted


@pytest.mark.fault(
    "PostgreSQL",
    "a certificate that nobody here trusts, is for another name, or can't be checked; a server without TLS",
    "The connection is refused before the password is sent, with a sentence for each and its next step.",
    figure="4 reasons, each with its own sentence",
)
def test_what_is_wrong_with_the_encryption_is_said(server: Network) -> None:
    checked = server.address("books", "ada", tls="verify-full")
    assert refused(checked).code == "db.tls_untrusted"
    trusted = replace(checked, authority=str(server.authority))
    assert refused(replace(trusted, host="127.0.0.1")).code == "db.tls_wrong_host"
    assert look(replace(trusted, host="127.0.0.1", tls="verify-ca").url(), PASSWORD).encrypted
    assert refused(replace(trusted, authority="/nowhere/ca.pem")).code == "db.tls_no_authority"
    plain = server.address("books", "ada")
    server.run("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    try:
        wait_until(lambda: not encrypts(plain))
        assert refused(plain).code == "db.tls_unsupported"
    finally:
        server.run("ALTER SYSTEM RESET ssl", "SELECT pg_reload_conf()")
        wait_until(lambda: encrypts(plain))


def encrypts(address: DatabaseAddress) -> bool:
    """Whether the server offers TLS now; it takes a moment to hear of a change."""
    return bool(look(replace(address, tls="prefer").url(), PASSWORD).encrypted)


# --- who is let in


@pytest.mark.fault(
    "PostgreSQL",
    "wrong password, no password, unknown user or database, a user who is kept out",
    "Each has its sentence with the one next step; no password is in any text.",
    figure="5 reasons, each with its own sentence",
)
def test_who_is_not_let_in_is_told_why(server: Network) -> None:
    ada = server.address("books", "ada")
    assert refused(ada, "wrong horse").code == "db.password_wrong"
    assert refused(ada, None).code == "db.password_needed"
    assert refused(server.address("books", "barred")).code == "db.not_let_in"
    assert refused(server.address("no_books", "ada")).code == "db.no_such_database"
    with pytest.raises(OperatorError) as stranger:
        look(server.cluster.format("books").replace("//tests@", "//nobody@"), None)
    assert stranger.value.code == "db.no_such_user"


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (".".join(["a" * 60] * 5), "db.no_such_host"),  # too long for any name: no resolver is asked
        ("a..b", "db.url_invalid"),
    ],
)
def test_a_host_that_can_not_be_is_said(host: str, code: str) -> None:
    assert refused(DatabaseAddress(host, "books", "ada")).code == code


def test_nothing_at_the_address_and_nobody_who_answers(server: Network) -> None:
    with silent_server() as port:
        address = DatabaseAddress("127.0.0.1", "books", "ada", port, "disable")
        with pytest.raises(OperatorError) as silent:
            look(address.url() + "&connect_timeout=2", None)
    assert silent.value.code == "db.unreachable"
    assert refused(address).code == "db.unreachable"  # now the port is closed


@pytest.mark.fault(
    "PostgreSQL",
    "the server takes no more connections",
    "A sentence says so; once others leave, the same console goes on.",
    figure="24 connections, all taken",
)
def test_a_crowded_server_is_told_from_a_dead_one(server: Network) -> None:
    address = server.address("books", "ada")
    with ExitStack() as crowd:
        place = f"host=127.0.0.1 port={server.port} user=ada password='{PASSWORD}' dbname=books"
        with suppress(psycopg.OperationalError):
            for _ in range(CONNECTIONS):
                crowd.enter_context(psycopg.connect(place))
        assert refused(address).code == "db.too_many_connections"
    assert look(address.url(), PASSWORD).ledger == "current"


def test_a_server_that_nobody_maintains_is_refused(server: Network) -> None:
    with older_server(server.port) as port:
        error = refused(DatabaseAddress("127.0.0.1", "books", "tests", port, "disable"), None)
    assert error.code == "db.server_too_old"
    assert "PostgreSQL 12;" in error.what


# --- nobody waits for good


@pytest.fixture
def two(server: Network) -> Iterator[Callable[[], Database]]:
    opened: list[Database] = []

    def join() -> Database:
        opened.append(Database(server.address("books", "ada").url(), lambda: NOW, PASSWORD))
        return opened[-1]

    yield join
    for each in opened:
        each.close()


@pytest.mark.fault(
    "PostgreSQL",
    "a console is put to sleep in the middle of a change, or holds a row for too long",
    "Others are told within ten seconds; the sleeper's change is undone within a minute, and everybody goes on.",
    figure="10 s and 60 s as they are used, 0.1 s and 1.5 s here",
)
def test_a_console_that_sleeps_in_the_middle_holds_nobody_up(
    two: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert postgresql.TIMEOUTS_MS["lock_timeout"] == 10_000
    assert postgresql.TIMEOUTS_MS["idle_in_transaction_session_timeout"] == 60_000
    monkeypatch.setitem(postgresql.TIMEOUTS_MS, "lock_timeout", 100)
    monkeypatch.setitem(postgresql.TIMEOUTS_MS, "idle_in_transaction_session_timeout", 1_500)
    sleeper, other = two(), two()
    (ada,) = add_people(other, person())

    def disable(database: Database) -> None:
        with database.write() as work:
            work.users.set_disabled(ada, True)
            work.commit()

    def sleep_in_the_middle() -> None:
        with sleeper.write() as work:
            work.users.set_disabled(ada, True)
            with pytest.raises(OperatorError) as told:
                disable(other)
            assert told.value.code == "db.locked"
            with other._engine.connect() as connection:
                connection.execute(text("SELECT pg_sleep(2)"))
            work.commit()

    with pytest.raises(OperatorError) as undone:
        sleep_in_the_middle()
    assert undone.value.code == "db.unreachable"
    assert rows(other, "SELECT disabled FROM users WHERE id = :id", id=ada) == [(False,)]
    disable(other)


def test_what_the_address_says_otherwise_counts(server: Network) -> None:
    database = Database(server.cluster.format("books") + "&application_name=night+shift", lambda: NOW)
    assert rows(database, "SHOW application_name") == [("night shift",)]
    assert rows(database, "SHOW lock_timeout") == [("10s",)]
    database.close()


def test_an_address_is_read_as_it_is_written() -> None:
    for address in (
        DatabaseAddress("db.uni.example", "bioql", "ada"),
        DatabaseAddress("::1", "bio/ql", "a@da", 5433, "verify-full", "/etc/ca.pem"),
        DatabaseAddress("/var/run/postgresql", "bioql", "ada", tls="prefer"),
    ):
        assert DatabaseAddress.read(address.url()) == address
        assert postgresql.parsed(address.url()).username == address.user
    assert "sslrootcert=system" in DatabaseAddress("db", "bioql", "ada", tls="verify-full").url()


def test_what_is_seen_is_said_in_words() -> None:
    empty = DatabaseSeen("PostgreSQL 16.2", None, "none", None)
    assert empty.words() == (
        "PostgreSQL 16.2 answers, on this computer. No ledger is there yet: it is made when it is opened."
    )
