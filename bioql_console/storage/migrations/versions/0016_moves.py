"""Where a ledger was moved to, and where it came from.

Why: once the ledger is in the team's database, nobody may go on writing in the file that it was in, unseen.
Cost: none, the table is new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0016", "0015"
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "moves",
        sa.Column("id", Id, nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
