"""Where this ledger was moved to, and where it came from: of two copies, only one is written in."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from bioql_console.storage.tables import Id, metadata

moves = Table(
    "moves",
    metadata,
    Column("id", Id, primary_key=True),
    # "away" or "here"; the newest row counts.
    Column("way", String(10), nullable=False),
    Column("place", Text, nullable=False),
    # Over everything that was moved.
    Column("checksum", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
)
