"""What is asked of customers by link, and what goes back to them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, false, text

from bioql_console.storage.tables import Id, metadata

checkouts = Table(
    "checkouts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("balance_version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("session_id", Text, unique=True),
    Column("url", Text, nullable=False, server_default=text("''")),
    Column("payment_intent", Text, nullable=False, server_default=text("''")),
    Column("operator", Text, nullable=False),
    # A part was asked for, not everything that was owed.
    Column("part", Boolean, nullable=False, server_default=false()),
    # Since when a bank debit is on its way.
    Column("since_ms", BigInteger),
    Index("ix_checkouts_user_id", "user_id", "id"),
    Index("ix_checkouts_state", "state", "id"),
)
# One open link per balance: of two consoles that make one at once, the database lets one through.
ONE_OPEN_LINK = text("state IN ('creating', 'open')")
Index("uq_checkouts_open", checkouts.c.user_id, unique=True, sqlite_where=ONE_OPEN_LINK, postgresql_where=ONE_OPEN_LINK)

money_back = Table(
    "money_back",
    metadata,
    Column("id", Id, primary_key=True),
    Column("object_id", Text, nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("payment_intent", Text, nullable=False, index=True),
    # Empty while its payment is not in our books.
    Column("user_id", Id, ForeignKey("users.id")),
    Column("cents", BigInteger, nullable=False),
    Column("status", String(30), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("withdrawn", Boolean, nullable=False),
    Column("reinstated", Boolean, nullable=False),
    Column("answers", Integer, nullable=False),
    Index("ix_money_back_kind", "kind", "status", "id"),
    Index("ix_money_back_user_id", "user_id", "id"),
)

refund_totals = Table(
    "refund_totals",
    metadata,
    Column("payment_intent", Text, primary_key=True),
    Column("cents", BigInteger, nullable=False),
)
