"""The first schema: users, ledger, usage, prices, Checkout links, inbox, outbox, activity.

Why: the foundations. The ledger and the activity trail refuse changes by trigger, so that a mistake in our own code
can't rewrite history.
Cost: none, the database is new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FIRST_PRICES = {
    "simulator": 10_000,
    "ionq_simulator": 10_000,
    "aws_sv1": 10_000,
    "aws_tn1": 20_000,
    "ibm_*": 3_000_000,
    "ionq_forte": 3_000_000,
    "ionq_qpu": 2_000_000,
    "quera_aquila": 5_000_000,
}
APPEND_ONLY = ("journal_entries", "postings", "activity")


def upgrade() -> None:
    _create_tables()
    op.execute("CREATE INDEX ix_users_customer ON users (coalesce(stripe_customer_id, ''), id)")
    op.execute("CREATE INDEX ix_users_seen ON users (coalesce(last_used_ms, 0), id)")
    prices = sa.table(
        "prices", *(sa.column(name) for name in ("pattern", "micros_per_shot", "effective_ms", "operator", "reason"))
    )
    op.bulk_insert(
        prices,
        [
            {
                "pattern": pattern,
                "micros_per_shot": micros,
                "effective_ms": 0,
                "operator": "system",
                "reason": "First list",
            }
            for pattern, micros in FIRST_PRICES.items()
        ],
    )
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_extras()
    else:
        _postgresql_extras()


def downgrade() -> None:
    raise NotImplementedError("There is nothing before the first schema; restore a backup instead.")


def _sqlite_extras() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    # Substring search over a million users; trigrams find any three letters in a row.
    op.execute(
        "CREATE VIRTUAL TABLE users_search USING fts5(name, email, stripe_customer_id, key_hint, "
        "content='users', content_rowid='id', tokenize='trigram')"
    )
    columns = "name, email, stripe_customer_id, key_hint"
    new, old = (", ".join(f"{side}.{column}" for column in columns.split(", ")) for side in ("new", "old"))
    insert = f"INSERT INTO users_search(rowid, {columns}) VALUES (new.id, {new})"
    delete = f"INSERT INTO users_search(users_search, rowid, {columns}) VALUES ('delete', old.id, {old})"
    op.execute(f"CREATE TRIGGER users_search_insert AFTER INSERT ON users BEGIN {insert}; END")
    op.execute(f"CREATE TRIGGER users_search_delete AFTER DELETE ON users BEGIN {delete}; END")
    op.execute(f"CREATE TRIGGER users_search_update AFTER UPDATE OF {columns} ON users BEGIN {delete}; {insert}; END")


def _postgresql_extras() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _create_tables() -> None:
    op.create_table(
        "activity",
        sa.Column("id", Id, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
        sa.UniqueConstraint("chain", name=op.f("uq_activity_chain")),
    )
    op.create_index("ix_activity_subject", "activity", ["subject", "id"], unique=False)
    op.create_table(
        "journal_entries",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("source_type", sa.String(length=30), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reverses", Id, nullable=True),
        sa.ForeignKeyConstraint(["reverses"], ["journal_entries.id"], name=op.f("fk_journal_entries_reverses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entries")),
        sa.UniqueConstraint(
            "kind", "source_type", "source_id", name=op.f("uq_journal_entries_kind_source_type_source_id")
        ),
    )
    op.create_index("ix_journal_entries_kind_effective_ms", "journal_entries", ["kind", "effective_ms"], unique=False)
    op.create_table(
        "prices",
        sa.Column("id", Id, nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("micros_per_shot", sa.BigInteger(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint("pattern", "effective_ms", name=op.f("uq_prices_pattern_effective_ms")),
    )
    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("plan", sa.String(length=20), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("key_hint", sa.String(length=40), nullable=False),
        sa.Column("stripe_customer_id", sa.Text(), nullable=True),
        sa.Column("stripe_subscription_id", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_used_ms", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_users_key_sha256")),
        sa.UniqueConstraint("stripe_customer_id", name=op.f("uq_users_stripe_customer_id")),
    )
    op.create_index("ix_users_created_ms", "users", ["created_ms", "id"], unique=False)
    op.create_index("ix_users_name", "users", ["name", "id"], unique=False)
    op.create_index("ix_users_plan", "users", ["plan", "id"], unique=False)
    op.create_table(
        "balances",
        sa.Column("user_id", Id, autoincrement=False, nullable=False),
        sa.Column("receivable_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("credit_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("credit_micros <= 0", name=op.f("ck_balances_credit_not_positive")),
        sa.CheckConstraint("receivable_micros = 0 OR credit_micros = 0", name=op.f("ck_balances_debt_or_credit")),
        sa.CheckConstraint("receivable_micros >= 0", name=op.f("ck_balances_owed_not_negative")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_balances_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_balances")),
    )
    op.create_index("ix_balances_receivable_micros", "balances", ["receivable_micros", "user_id"], unique=False)
    op.create_table(
        "checkouts",
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("balance_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("payment_intent", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_checkouts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("reference", name=op.f("uq_checkouts_reference")),
        sa.UniqueConstraint("session_id", name=op.f("uq_checkouts_session_id")),
    )
    op.create_index("ix_checkouts_state", "checkouts", ["state", "id"], unique=False)
    op.create_index("ix_checkouts_user_id", "checkouts", ["user_id", "id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("sequence", Id, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("deliveries", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("object_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("amount_micros", sa.BigInteger(), nullable=True),
        sa.Column("applied_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_inbox_user_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_inbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_inbox_event_id")),
    )
    op.create_index("ix_inbox_object_id", "inbox", ["object_id"], unique=False)
    op.create_index("ix_inbox_state", "inbox", ["state", "sequence"], unique=False)
    op.create_index("ix_inbox_user_id", "inbox", ["user_id", "sequence"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("stripe_customer_id", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_outbox_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "next_attempt_ms", "id"], unique=False)
    op.create_index("ix_outbox_user_id", "outbox", ["user_id", "id"], unique=False)
    op.create_table(
        "postings",
        sa.Column("id", Id, nullable=False),
        sa.Column("entry_id", Id, nullable=False),
        sa.Column("account", sa.String(length=30), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entries.id"], name=op.f("fk_postings_entry_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_postings_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
    )
    op.create_index("ix_postings_account_effective_ms", "postings", ["account", "effective_ms", "micros"], unique=False)
    op.create_index(op.f("ix_postings_entry_id"), "postings", ["entry_id"], unique=False)
    op.create_index(
        "ix_postings_user_id_effective_ms", "postings", ["user_id", "account", "effective_ms", "micros"], unique=False
    )
    op.create_table(
        "usage",
        sa.Column("id", Id, nullable=False),
        sa.Column("usage_id", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("shots", sa.BigInteger(), nullable=False),
        sa.Column("micros_per_shot", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_usage_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage")),
        sa.UniqueConstraint("usage_id", name=op.f("uq_usage_usage_id")),
    )
    op.create_index("ix_usage_at_ms", "usage", ["at_ms"], unique=False)
    op.create_index("ix_usage_user_id_at_ms", "usage", ["user_id", "at_ms"], unique=False)
