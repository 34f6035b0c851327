"""When backups were restored.

Why: links made between a backup and its restore are ours, though the books no longer know them.
Cost: none, the table is new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0015", "0014"
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("id", Id, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("restored_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
