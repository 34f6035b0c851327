"""Bringing a database to this version's schema: backup first, all or nothing, never from a newer one."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import roles

# The newest migration, repeated here so that an up-to-date database starts without importing Alembic (0.3 s).
HEAD = "0017"
# Any fixed number: it names the lock under which PostgreSQL lets one process at a time make or change the schema.
MIGRATION_LOCK = 7_303_002
MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, back_up: Callable[[str], object]) -> None:
    """Create or upgrade the schema in one transaction; of an existing ledger a backup is made first.

    Args:
        back_up: Makes it; is told the schema that the ledger still has.

    Raises:
        OperatorError: `db.too_new`, `db.foreign`, and what keeps a backup from being made.
    """
    with engine.connect() as connection:
        current = revision(connection)
    if current == HEAD:
        return
    if current is not None:
        refuse_unknown(current)
        back_up(current)
    if engine.dialect.name == "postgresql":
        roles.make_roles(engine)
    with engine.connect().execution_options(bioql_write=True) as connection:
        if connection.dialect.name == "postgresql":
            # However long another one takes to upgrade: its upgrade is ours.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        # Another process may have been faster; the lock makes sure of it.
        if revision(connection) != HEAD:
            if connection.dialect.name == "postgresql":
                roles.become_admin(connection)
            run(connection)
        connection.commit()


def require_current(engine: Engine) -> None:
    """For readers, which never migrate.

    Raises:
        OperatorError: `db.too_new`, `db.too_old`, `db.foreign`.
    """
    with engine.connect() as connection:
        current = revision(connection)
    if current == HEAD:
        return
    if current is not None:
        refuse_unknown(current)
    raise OperatorError(
        "The database is older than this version of the console.",
        fix="Start the console or `serve` once: it makes a backup and upgrades.",
        code="db.too_old",
    )


def standing(connection: Connection) -> str:
    """Whether a ledger is there: "none", "older" or "current".

    Raises:
        OperatorError: `db.too_new`, `db.foreign`.
    """
    current = revision(connection)
    if current is None or current == HEAD:
        return "none" if current is None else "current"
    refuse_unknown(current)
    return "older"


def revision(connection: Connection) -> str | None:
    """The schema's number; None while there is no table at all.

    Raises:
        OperatorError: `db.foreign`.
    """
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables:
            raise OperatorError(
                "The file is a database, but not one of this console.",
                fix="Choose another --data-dir or --database; an existing BioQL users.db is brought in by `import`.",
                code="db.foreign",
            )
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def refuse_unknown(revision: str) -> None:
    """Raises OperatorError `db.too_new` when no migration of this version has the number."""
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    try:
        ScriptDirectory(str(MIGRATIONS)).get_revision(revision)
    except CommandError as error:
        raise OperatorError(
            f"The database was written by a newer console (schema {revision}, this one knows {HEAD}).",
            fix="Update this console; nothing was changed.",
            code="db.too_new",
        ) from error


def run(connection: Connection) -> None:
    """Bring the schema to this version within the transaction that is open."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
