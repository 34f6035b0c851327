"""Which Stripe account the ledger belongs to, and which keys were proven."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from bioql_console.storage.tables import metadata

stripe_accounts = Table(
    "stripe_accounts",
    metadata,
    # Before `ledger_environment`, Test and Live of a team could share a database.
    Column("environment", String(10), primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

proven_keys = Table(
    "proven_keys",
    metadata,
    Column("fingerprint", String(12), primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("proven_ms", BigInteger, nullable=False),
)
