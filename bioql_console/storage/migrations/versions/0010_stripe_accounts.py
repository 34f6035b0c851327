"""Which Stripe account the ledger belongs to, and which keys were proven.

Why: a key of another account must not mix its customers and payments into these books.
Cost: none, the tables are new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    op.create_table(
        "stripe_accounts",
        sa.Column("environment", sa.String(10), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_stripe_accounts")),
    )
    op.create_table(
        "proven_keys",
        sa.Column("fingerprint", sa.String(12), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("proven_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_proven_keys")),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
