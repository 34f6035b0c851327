"""How far Stripe's list of events was followed, and when a console was watching.

Why: a start need not look through 30 days again when a recent look was complete, several consoles need not all look,
and the Webhooks page shows when nobody listened and whether that was made good.
Cost: an index over the inbox, a second for a million events.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event_coverage",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("complete_until_ms", sa.BigInteger()),
        sa.Column("looked_ms", sa.BigInteger()),
        sa.Column("kinds", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("lost_from_ms", sa.BigInteger()),
        sa.Column("lost_until_ms", sa.BigInteger()),
        sa.Column("console", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_coverage")),
    )
    op.create_table(
        "event_watches",
        sa.Column("id", Id, nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_watches")),
    )
    op.create_index("ix_event_watches_until_ms", "event_watches", ["until_ms"], unique=False)
    op.create_index("ix_inbox_created_ms", "inbox", ["created_ms", "source"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
