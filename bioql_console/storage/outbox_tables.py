"""What is on the way to Stripe, and what Stripe refused of it later."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from bioql_console.storage.tables import Id, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("stripe_customer_id", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("occurred_ms", BigInteger, nullable=False),
    Column("extra", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("error", Text, nullable=False, server_default=text("''")),
    Column("sent_ms", BigInteger),
    Column("identifier", Text, nullable=False, server_default=text("''")),
    Column("claimed_by", String(40), nullable=False, server_default=text("''")),
    Column("tried_ms", BigInteger),
    Column("code", String(60), nullable=False, server_default=text("''")),
    Column("report", Text, nullable=False, server_default=text("''")),
    Column("first_tried_ms", BigInteger),
    Index("ix_outbox_state", "state", "next_attempt_ms", "id"),
    Index("ix_outbox_user_id", "user_id", "id"),
    Index("ix_outbox_identifier", "identifier", unique=True),
    # Which usage a report's unnamed errors can be about: what was sent around its window.
    Index("ix_outbox_sent_ms", "sent_ms", "id"),
)

meter_error_reports = Table(
    "meter_error_reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("meter", Text, nullable=False, server_default=text("''")),
    Column("fetched_ms", BigInteger),
    Column("start_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("end_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("refusals", Text, nullable=False, server_default=text("'[]'")),
    Column("joined", Integer, nullable=False, server_default=text("0")),
    Column("problem", Text, nullable=False, server_default=text("''")),
    Column("next_attempt_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("narrow_ms", BigInteger),
    Index("ix_meter_error_reports_fetched_ms", "fetched_ms", "next_attempt_ms"),
)
