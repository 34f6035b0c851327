"""What a database holds, of whatever version, before it is replaced or filled."""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

from bioql_console.domain.environment import Environment
from bioql_console.storage import migrate
from bioql_console.storage.belonging import environment_of

# A ledger with none of these is as good as new: prices and plans come with the first start.
FILLED_BY_WORK = ("users", "journal_entries", "inbox")


@dataclass(frozen=True, slots=True)
class Standing:
    """A ledger from outside.

    Args:
        schema: None when there is not a single table.
        empty: Whether nothing was done in it yet.
        accounts: Stripe accounts that it belongs to.
        environment: The environment that it belongs to; None where it belongs to none yet.
    """

    schema: str | None
    empty: bool
    accounts: dict[Environment, str]
    environment: Environment | None = None


def standing_of(connection: Connection) -> Standing:
    """Raises OperatorError `db.foreign` when it is a database of another program."""
    schema = migrate.revision(connection)
    if schema is None:
        return Standing(None, True, {})
    tables = set(inspect(connection).get_table_names())
    filled = any(
        connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {table})")).scalar()
        for table in FILLED_BY_WORK
        if table in tables
    )
    found = (
        connection.execute(text("SELECT environment, account_id FROM stripe_accounts")).all()
        if "stripe_accounts" in tables
        else []
    )
    accounts = {Environment(environment): account for environment, account in found}
    return Standing(schema, not filled, accounts, environment_of(connection))
