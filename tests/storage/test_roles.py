"""Who may do what in a team's ledger is decided by PostgreSQL itself."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url, text

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.money import MICROS_PER_UNIT
from bioql_console.domain.prices import Price
from bioql_console.domain.rights import Rights, Role
from bioql_console.storage import migrate, roles
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.tables import metadata
from tests.databases import a_user_of, as_superuser, as_user, drop_database, fresh_database, private_cluster
from tests.storage.people import NOW, add_people, person, rows

pytestmark = pytest.mark.postgresql

APPEND_ONLY = {"journal_entries", "postings", "activity"}
ADMINS_ONLY = {"alembic_version", "prices", "plans", "imports", "imported_users"}
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.fixture
def kind() -> str:
    """A file has no roles: whoever may read it may do everything."""
    return "postgresql"


@pytest.fixture
def ledger(database: Database) -> Database:
    return database


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


@pytest.fixture
def people(ledger: Database) -> Iterator[dict[Role, Database]]:
    """The same ledger, opened by a member of each role who has nothing else."""
    opened = {role: Database(a_user_of(url_of(ledger), role.value), lambda: NOW) for role in Role}
    for each in opened.values():
        each.open_existing()
    yield opened
    for each in opened.values():
        each.close()


def granted(database: Database) -> dict[str, set[str]]:
    """What the connected user may do with each table."""
    tables = [name for (name,) in rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    asked = ", ".join(f"has_table_privilege('{table}', '{verb}')" for table in tables for verb in VERBS)
    (answers,) = rows(database, f"SELECT {asked}")
    told = iter(answers)
    return {table: {verb for verb in VERBS if next(told)} for table in tables}


def test_each_role_may_do_what_it_is_for_and_no_more(people: dict[Role, Database]) -> None:
    may = {role: granted(database) for role, database in people.items()}
    assert {*metadata.tables, "alembic_version"} == set(may[Role.VIEWER])
    for table, verbs in may[Role.VIEWER].items():
        assert verbs == {"SELECT"}, f"a viewer may do more than read {table}"
    for table, verbs in may[Role.OPERATOR].items():
        if table in ADMINS_ONLY:
            assert verbs == {"SELECT"}, table
        elif table in APPEND_ONLY:
            assert verbs == {"SELECT", "INSERT"}, table
        else:
            assert verbs >= {"SELECT", "INSERT", "UPDATE"}, table
            assert "TRUNCATE" not in verbs, table
    for table, verbs in may[Role.ADMIN].items():
        assert verbs >= {"SELECT", "INSERT"}, table


def test_the_database_itself_refuses_a_viewer(ledger: Database) -> None:
    """Past our own code: with a tool of their own a viewer changes nothing either."""
    (ada,) = add_people(ledger, person())
    address = make_url(a_user_of(url_of(ledger), Role.VIEWER.value))
    place = f"host={address.query['host']!s} user={address.username} dbname={address.database}"
    with psycopg.connect(place, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
        for statement in (
            f"UPDATE users SET disabled = true WHERE id = {ada}",
            "INSERT INTO activity (at_ms) VALUES (1)",
            "DELETE FROM inbox",
            "TRUNCATE postings",
            "DROP TABLE users CASCADE",
            "ALTER TABLE postings DISABLE TRIGGER ALL",
            "CREATE TABLE mine (id integer)",
            "SELECT nextval('users_id_seq')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_what_is_written_stays_written_for_everybody(ledger: Database, people: dict[Role, Database]) -> None:
    (ada,) = add_people(ledger, person())
    with people[Role.OPERATOR].write() as work:
        assert work.ledger.post(payment_fact("pi_1", ada, 5 * MICROS_PER_UNIT, NOW, ""))
        work.activity.record("ada", "looked", "books")
        work.commit()
    for role, refusal in (
        (Role.OPERATOR, "permission denied"),
        (Role.ADMIN, "append-only"),
    ):
        for statement in (
            "UPDATE postings SET micros = 0",
            "DELETE FROM journal_entries",
            "UPDATE activity SET operator = 'nobody'",
            "TRUNCATE activity",
        ):
            with people[role]._engine.connect() as connection, pytest.raises(Exception, match=refusal):
                connection.exec_driver_sql(statement)


@pytest.mark.fault(
    "PostgreSQL",
    "a viewer tries to change something",
    "It is refused before anything is done, at Stripe or in the books, and the missing role is named.",
    figure="0 transactions begun",
)
def test_a_viewer_reads_everything_and_is_told_what_writing_takes(people: dict[Role, Database]) -> None:
    viewer = people[Role.VIEWER]
    assert viewer.rights == Rights(Role.VIEWER, viewer.url.username or "")
    with viewer.read() as work:
        assert work.verifier.run().ok
    with pytest.raises(OperatorError) as refused, viewer.write():
        pytest.fail("a transaction began")
    assert refused.value.code == "db.right_missing"
    assert "Needs bioql_operator; you are bioql_viewer." in refused.value.fix
    assert f"GRANT bioql_operator TO {viewer.url.username}" in refused.value.fix


def test_an_operator_works_and_leaves_prices_to_the_admin(people: dict[Role, Database]) -> None:
    price = Price("ionq_*", 1_000, NOW)
    add_people(people[Role.OPERATOR], person())

    def set_price(role: Role) -> bool:
        with people[role].write() as work:
            added = work.tariff.add_price(price, "ada", "cheaper now")
            work.commit()
            return added

    with pytest.raises(OperatorError) as refused:
        set_price(Role.OPERATOR)
    assert refused.value.code == "db.right_missing"
    assert "Needs bioql_admin; you are bioql_operator." in refused.value.fix
    assert set_price(Role.ADMIN)


@pytest.mark.fault(
    "PostgreSQL",
    "a role is taken away while its owner works",
    "The next change is refused by the database and undone, with the missing role; granted again, it goes on at once.",
    figure="2 changes refused, the next one made",
)
def test_a_role_that_is_taken_away_or_granted_counts_at_once(ledger: Database, people: dict[Role, Database]) -> None:
    working = people[Role.OPERATOR]
    add_people(working, person())
    as_superuser(url_of(ledger), f"REVOKE bioql_operator FROM {working.url.username}")
    as_superuser(url_of(ledger), f"GRANT bioql_viewer TO {working.url.username}")
    with pytest.raises(OperatorError) as refused:
        add_people(working, person())
    assert refused.value.code == "db.right_missing"
    with ledger.read() as work:
        assert work.verifier.run().users == 1
    with pytest.raises(OperatorError, match="right_missing"):
        add_people(working, person())
    as_superuser(url_of(ledger), f"GRANT bioql_operator TO {working.url.username}")
    add_people(working, person())
    assert working.rights.role is Role.OPERATOR


def test_without_any_role_one_sees_nothing(ledger: Database) -> None:
    stranger = Database(a_user_of(url_of(ledger)), lambda: NOW)
    with pytest.raises(OperatorError) as refused:
        stranger.open_existing()
    stranger.close()
    assert refused.value.code == "db.right_missing"
    assert "bioql_viewer" in refused.value.fix


def old_ledger(cluster: str, owner: str) -> str:
    """A ledger of before there were roles: its tables belong to one user."""
    url = fresh_database(cluster, owner)
    database = Database(url, lambda: NOW)
    with database._engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        connection.commit()
    database.close()
    return url


def test_any_admin_upgrades_what_another_made_and_nobody_else(postgresql_cluster: str, tmp_path: Path) -> None:
    server = postgresql_cluster.format("postgres")
    made_by = make_url(a_user_of(server)).username or ""
    url = old_ledger(postgresql_cluster, made_by)
    for each in (a_user_of(url, Role.VIEWER.value), a_user_of(url, Role.OPERATOR.value), url):
        early = Database(each, lambda: NOW)
        with pytest.raises(OperatorError) as refused:
            early.open(tmp_path)
        early.close()
        assert (refused.value.code, "bioql_" in refused.value.fix) == ("db.right_missing", True)
    as_superuser(server, f"GRANT bioql_admin TO {made_by}")
    first = Database(url, lambda: NOW)
    first.open(tmp_path)
    add_people(first, person())
    assert first.rights.role is Role.ADMIN
    assert {owner for (owner,) in rows(first, "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'")} == {
        "bioql_admin"
    }
    first.close()

    another = Database(a_user_of(url, Role.ADMIN.value), lambda: NOW)
    with another._engine.begin() as connection:  # as a later migration does
        roles.become_admin(connection)
        connection.execute(text("ALTER TABLE users ADD COLUMN nickname text"))
        connection.execute(text("CREATE TABLE later (id bigserial PRIMARY KEY, words text)"))
    another.close()
    for role, verbs in ((Role.VIEWER, {"SELECT"}), (Role.OPERATOR, {"SELECT", "INSERT", "UPDATE", "DELETE"})):
        member = Database(a_user_of(url, role.value), lambda: NOW)
        assert granted(member)["later"] == verbs
        if role is Role.OPERATOR:
            with member._engine.begin() as connection:
                connection.execute(text("INSERT INTO later (words) VALUES ('it has a sequence')"))
        member.close()
    drop_database(url)


@pytest.mark.fault(
    "PostgreSQL",
    "the server has no BioQL roles, and who starts may not make them",
    "The start is refused with the SQL for whoever runs the server; after it, the same start succeeds.",
    figure="0 tables made before, 3 roles after",
)
def test_who_may_not_make_roles_is_given_the_sql_for_who_may(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        owner = make_url(a_user_of(cluster.format("postgres"))).username or ""
        url = fresh_database(cluster, owner)
        database = Database(url, lambda: NOW)
        with pytest.raises(OperatorError) as refused:
            database.open(tmp_path)
        assert refused.value.code == "db.roles_missing"
        assert rows(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        sql = refused.value.fix.partition("for: ")[2].partition("; then")[0]
        as_superuser(url, *sql.split("; "))
        database.open(tmp_path)
        assert database.rights == Rights(Role.ADMIN, owner)
        database.close()


def test_databases_of_one_server_share_the_roles_also_when_they_start_at_once(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        maker = make_url(a_user_of(cluster.format("postgres"), attributes="CREATEROLE")).username or ""
        urls = [fresh_database(cluster, maker) for _ in range(3)]
        databases = [Database(url, lambda: NOW) for url in urls]
        gate = threading.Barrier(3)

        def make(database: Database) -> None:
            gate.wait(10)
            roles.make_roles(database._engine)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(make, databases))
        for database in databases:
            database.open(tmp_path)
            assert database.rights.role is Role.ADMIN
            database.close()
        viewer = a_user_of(urls[0], Role.VIEWER.value)
        for url in urls:
            other = Database(as_user(url, make_url(viewer).username or ""), lambda: NOW)
            other.open_existing()
            assert other.rights.role is Role.VIEWER
            other.close()


def test_in_a_file_of_ones_own_one_may_do_everything(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "bioql.db"), lambda: NOW)
    assert database.rights == Rights(Role.ADMIN)
    database.close()
