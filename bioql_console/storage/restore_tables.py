"""When backups were restored: what happened between a backup and its restore is known to Stripe only."""

from sqlalchemy import BigInteger, Column, Table, Text

from bioql_console.storage.tables import Id, metadata

restores = Table(
    "restores",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("restored_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
)
