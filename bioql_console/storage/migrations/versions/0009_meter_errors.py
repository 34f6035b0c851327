"""Which process sends a message, what Stripe knows usage by, and Stripe's reports of usage that it refused later.

Why: two processes on one database must not send one message at the same time; refused usage is sent again under
another identifier, since Stripe may remember the old one; reports are joined to the usage that they are about.
Cost: the outbox is written once, and two indexes over it are built: a few seconds for a million messages.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0009", "0008"


def _words(name: str, longest: int | None = None) -> sa.Column[str]:
    kind = sa.String(length=longest) if longest else sa.Text()
    return sa.Column(name, kind, server_default=sa.text("''"), nullable=False)


def upgrade() -> None:
    op.add_column("outbox", _words("identifier"))
    op.add_column("outbox", _words("claimed_by", 40))
    op.add_column("outbox", sa.Column("tried_ms", sa.BigInteger()))
    op.add_column("outbox", _words("code", 60))
    op.add_column("outbox", _words("report"))
    op.execute("UPDATE outbox SET identifier = key")
    op.create_index("ix_outbox_identifier", "outbox", ["identifier"], unique=True)
    op.create_index("ix_outbox_sent_ms", "outbox", ["sent_ms", "id"], unique=False)
    op.create_table(
        "meter_error_reports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        _words("meter"),
        sa.Column("fetched_ms", sa.BigInteger()),
        sa.Column("start_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refusals", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("joined", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _words("problem"),
        sa.Column("next_attempt_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("narrow_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_error_reports")),
        sa.UniqueConstraint("event_id", name=op.f("uq_meter_error_reports_event_id")),
    )
    op.create_index("ix_meter_error_reports_fetched_ms", "meter_error_reports", ["fetched_ms", "next_attempt_ms"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
