"""API keys that no user has, as far as they may be remembered.

Why: "Invalid API key" is a symptom that operators look for; they need to see which key it was.
Cost: none, the table is new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.create_table(
        "refused_keys",
        sa.Column("hint", sa.String(length=40), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hint", name=op.f("pk_refused_keys")),
    )
    op.create_index("ix_refused_keys_last_ms", "refused_keys", ["last_ms"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
