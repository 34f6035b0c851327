"""Most tables; some lie beside. Money is micros, time milliseconds since the epoch (UTC), both 64-bit integers."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives automatic ids to INTEGER keys only; PostgreSQL needs 64 bits said out loud.
Id = BigInteger().with_variant(Integer, "sqlite")


def _user() -> ForeignKey:
    return ForeignKey("users.id")


users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("plan", String(20), nullable=False),
    Column("key_sha256", String(64), nullable=False, unique=True),
    Column("key_hint", String(40), nullable=False),
    Column("stripe_customer_id", Text, unique=True),
    Column("stripe_subscription_id", Text),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("threshold_by", String(10), nullable=False, server_default=""),
    Index("ix_users_plan", "plan", "id"),
    Index("ix_users_created_ms", "created_ms", "id"),
)
# Three more indexes, on expressions, exist only in the migrations: SQLite can't reflect those for comparison.

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("source_type", String(30), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
    Column("memo", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reverses", Id, ForeignKey("journal_entries.id")),
    UniqueConstraint("kind", "source_type", "source_id"),
    Index("ix_journal_entries_kind_effective_ms", "kind", "effective_ms"),
)

postings = Table(
    "postings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("entry_id", Id, ForeignKey("journal_entries.id"), nullable=False, index=True),
    Column("account", String(30), nullable=False),
    Column("user_id", Id, _user()),
    Column("micros", BigInteger, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    # Ageing and statements read one user's charges in order without touching the entries.
    Index("ix_postings_user_id_effective_ms", "user_id", "account", "effective_ms", "micros"),
    Index("ix_postings_account_effective_ms", "account", "effective_ms", "micros"),
)

balances = Table(
    "balances",
    metadata,
    Column("user_id", Id, _user(), primary_key=True, autoincrement=False),
    Column("receivable_micros", BigInteger, nullable=False, server_default=text("0")),
    Column("credit_micros", BigInteger, nullable=False, server_default=text("0")),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Index("ix_balances_receivable_micros", "receivable_micros", "user_id"),
)

usage = Table(
    "usage",
    metadata,
    Column("id", Id, primary_key=True),
    Column("usage_id", Text, nullable=False, unique=True),
    Column("user_id", Id, _user(), nullable=False),
    Column("backend", Text, nullable=False),
    Column("shots", BigInteger, nullable=False),
    Column("micros_per_shot", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    # Brought in from another database; an opening entry covers what it cost.
    Column("opening", Boolean, nullable=False, server_default=false()),
    Index("ix_usage_user_id_at_ms", "user_id", "at_ms"),
    Index("ix_usage_at_ms", "at_ms"),
)

prices = Table(
    "prices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pattern", Text, nullable=False),
    Column("micros_per_shot", BigInteger, nullable=False),
    Column("effective_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("pattern", "effective_ms"),
)

plans = Table(
    "plans",
    metadata,
    Column("plan", String(20), primary_key=True),
    Column("monthly_shots", BigInteger),
    Column("backends", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("invoice_id", Text, nullable=False, unique=True),
    Column("user_id", Id, _user(), nullable=False),
    Column("number", Text, nullable=False),
    Column("state", String(15), nullable=False),
    Column("reason", String(60), nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("due_cents", BigInteger, nullable=False),
    Column("paid_cents", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("period_start_ms", BigInteger, nullable=False),
    Column("period_end_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("source", String(15), nullable=False),
    Column("subscription", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("settled_cents", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index("ix_invoices_user_id", "user_id", "id"),
    Index("ix_invoices_state", "state", "id"),
)

invoice_payments = Table(
    "invoice_payments",
    metadata,
    Column("payment_intent", Text, primary_key=True),
    Column("invoice_id", Text, nullable=False, index=True),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ticket_id", Text, nullable=False, unique=True),
    Column("user_id", Id, _user(), nullable=False),
    Column("priority", String(10), nullable=False),
    # The priority as a number, so that an index can order by it.
    Column("urgency", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger),
    Column("resolution", Text, nullable=False, server_default=text("''")),
    Column("operator", Text, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Index("ix_tickets_state", "state", "urgency", "id"),
    Index("ix_tickets_user_id", "user_id", "id"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("sequence", Id, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("api_version", Text, nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("source", String(10), nullable=False),
    Column("signature", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("deliveries", Integer, nullable=False, server_default=text("1")),
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("object_id", Text, nullable=False, server_default=text("''")),
    Column("user_id", Id, _user()),
    Column("amount_micros", BigInteger),
    Column("applied_ms", BigInteger),
    Index("ix_inbox_state", "state", "sequence"),
    Index("ix_inbox_object_id", "object_id"),
    Index("ix_inbox_user_id", "user_id", "sequence"),
    Index("ix_inbox_created_ms", "created_ms", "source"),
)

refused_keys = Table(
    "refused_keys",
    metadata,
    Column("hint", String(40), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False, index=True),
)

activity = Table(
    "activity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("chain", String(64), nullable=False, unique=True),
    Index("ix_activity_subject", "subject", "id"),
)

# What the ledger's invariants allow: a user is in debt or in credit, never both.
for constraint in (
    CheckConstraint("receivable_micros >= 0", name="owed_not_negative"),
    CheckConstraint("credit_micros <= 0", name="credit_not_positive"),
    CheckConstraint("receivable_micros = 0 OR credit_micros = 0", name="debt_or_credit"),
):
    balances.append_constraint(constraint)
