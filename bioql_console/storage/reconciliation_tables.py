"""The table of differences that somebody let stand."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from bioql_console.storage.tables import Id, metadata

accepted_differences = Table(
    "accepted_differences",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False),
    # Both sides' amounts: when they change, it is another difference.
    Column("state", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_accepted_differences_key", "key", "id"),
)
