"""Whose ledger a database is: the environment that opens it first has it for good, and no other opens it."""

from sqlalchemy import Connection, Engine, inspect, select, text

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Rights, Role
from bioql_console.storage.account_tables import stripe_accounts
from bioql_console.storage.belonging_tables import ledger_environment
from bioql_console.storage.statements import insert

ROW = 1
# Who may not read the ledger is told that, and not whose it is.
READABLE = (
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' "
    "AND has_table_privilege(oid, 'SELECT')"
)


def environment_of(connection: Connection) -> Environment | None:
    """The environment that a database belongs to, whatever its version; None while it belongs to none."""
    tables = _tables(connection)
    if ledger_environment.name in tables:
        found = connection.execute(select(ledger_environment.c.environment)).scalar()
        if found is not None:
            return Environment(found)
    if stripe_accounts.name not in tables:
        return None
    # Ledgers that nobody claimed yet tell by their accounts. Of two that shared one, Live has it: that is money.
    known = {Environment(each) for each in connection.execute(select(stripe_accounts.c.environment)).scalars()}
    return next((each for each in (Environment.LIVE, Environment.TEST) if each in known), None)


def _tables(connection: Connection) -> set[str]:
    if connection.dialect.name == "postgresql":
        return set(connection.execute(text(READABLE)).scalars())
    return set(inspect(connection).get_table_names())


def require_ours(engine: Engine, environment: Environment | None) -> None:
    """Look whose a database is, before anything is done to it.

    Args:
        environment: Whose it shall be; None takes any.

    Raises:
        OperatorError: `db.other_environment`.
    """
    if environment is not None:
        with engine.connect() as connection:
            refuse_other(environment_of(connection), environment)


def refuse_other(found: Environment | None, environment: Environment | None) -> None:
    """Raises OperatorError `db.other_environment` when a database that belongs to `found` is not this one's."""
    if None in (found, environment) or found is environment:
        return
    assert found is not None
    assert environment is not None
    raise OperatorError(
        f"This database is the ledger of {found.word}, so {environment.word} can't use it; nothing was changed.",
        fix=f"Choose another database for {environment.word} in Settings › Database. On the command line name one with "
        f"--database, or {found.word} with --env {found.value}.",
        code="db.other_environment",
    )


def claim(engine: Engine, environment: Environment | None, rights: Rights, at_ms: int) -> None:
    """Let a database that belongs to none belong to this environment; of several at once the first gets it.

    Who may only read leaves it to the next.

    Raises:
        OperatorError: `db.other_environment`.
    """
    if environment is None or not rights.may(Role.OPERATOR):
        return
    with engine.connect() as connection:
        if connection.execute(select(ledger_environment.c.environment)).scalar() == environment.value:
            return
    values = {"id": ROW, "environment": environment.value, "since_ms": at_ms}
    with engine.connect().execution_options(bioql_write=True) as connection:
        connection.execute(insert(connection, ledger_environment).values(values).on_conflict_do_nothing())
        refuse_other(environment_of(connection), environment)
        connection.commit()
