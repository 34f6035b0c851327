"""What was found broken while a console was running. Posting rests as long as one of these is not lifted."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, text

from bioql_console.storage.tables import Id, metadata

ledger_breaches = Table(
    "ledger_breaches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("found_ms", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("cure", Text, nullable=False),
    Column("mend", String(10), nullable=False),
    # No foreign keys: what they point to may be what is missing.
    Column("user_id", BigInteger),
    Column("entry_id", BigInteger),
    Column("lifted_ms", BigInteger),
    Column("lifted_by", Text, nullable=False, server_default=text("''")),
    Index("ix_ledger_breaches_lifted_ms", "lifted_ms", "id"),
)
