"""Whose ledger a database is."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from bioql_console.storage.tables import metadata

ledger_environment = Table(
    "ledger_environment",
    metadata,
    # There is one row.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("environment", String(10), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)
