"""How far Stripe's list of events was followed, and when a console was watching."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from bioql_console.storage.tables import Id, metadata

event_coverage = Table(
    "event_coverage",
    metadata,
    # There is one row.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("complete_until_ms", BigInteger),
    Column("looked_ms", BigInteger),
    Column("kinds", Text, nullable=False, server_default=text("''")),
    Column("lost_from_ms", BigInteger),
    Column("lost_until_ms", BigInteger),
    # Which console follows the list, so that others need not.
    Column("console", Text, nullable=False, server_default=text("''")),
    Column("claimed_until_ms", BigInteger, nullable=False, server_default=text("0")),
)

event_watches = Table(
    "event_watches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Index("ix_event_watches_until_ms", "until_ms"),
)
