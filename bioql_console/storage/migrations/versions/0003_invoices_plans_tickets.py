"""Invoices, plan limits, support tickets; who makes a user's invoice; usage that an opening balance covers.

Why: metered invoices move the ledger, plans are set by operators, tickets are answered in the window, and usage that
was brought in from another database was charged there.
Cost: two columns with defaults are added to users and usage; neither table is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SIMULATORS = "simulator ionq_simulator aws_sv1 aws_tn1"
FIRST_PLANS = (
    ("free", 1_000, SIMULATORS),
    ("basic", 50_000, f"{SIMULATORS} ibm_*"),
    ("pro", 500_000, "*"),
    ("enterprise", None, "*"),
)


def upgrade() -> None:
    op.add_column("users", sa.Column("threshold_by", sa.String(length=10), server_default="", nullable=False))
    op.add_column("usage", sa.Column("opening", sa.Boolean(), server_default=sa.false(), nullable=False))
    _create_plans()
    _create_invoices()
    _create_tickets()


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")


def _create_plans() -> None:
    plans = op.create_table(
        "plans",
        sa.Column("plan", sa.String(length=20), nullable=False),
        sa.Column("monthly_shots", sa.BigInteger(), nullable=True),
        sa.Column("backends", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_plans")),
    )
    names = ("plan", "monthly_shots", "backends")
    op.bulk_insert(plans, [dict(zip(names, plan, strict=True)) for plan in FIRST_PLANS])


def _create_invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", Id, nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("due_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("period_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("period_end_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(length=15), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("settled_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invoices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_invoices_invoice_id")),
    )
    op.create_index("ix_invoices_user_id", "invoices", ["user_id", "id"], unique=False)
    op.create_index("ix_invoices_state", "invoices", ["state", "id"], unique=False)
    op.create_table(
        "invoice_payments",
        sa.Column("payment_intent", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("payment_intent", name=op.f("pk_invoice_payments")),
    )
    op.create_index("ix_invoice_payments_invoice_id", "invoice_payments", ["invoice_id"], unique=False)


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", Id, nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("resolved_ms", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("operator", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tickets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_tickets_ticket_id")),
    )
    op.create_index("ix_tickets_state", "tickets", ["state", "urgency", "id"], unique=False)
    op.create_index("ix_tickets_user_id", "tickets", ["user_id", "id"], unique=False)
