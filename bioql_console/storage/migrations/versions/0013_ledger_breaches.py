"""What was found broken in the books while a console was running.

Why: every console and server on this database stops posting until it is lifted, also after a restart.
Cost: none.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0013", "0012"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ledger_breaches",
        sa.Column("id", Id, nullable=False),
        sa.Column("found_ms", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("cure", sa.Text(), nullable=False),
        sa.Column("mend", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("entry_id", sa.BigInteger()),
        sa.Column("lifted_ms", sa.BigInteger()),
        sa.Column("lifted_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_breaches")),
    )
    op.create_index("ix_ledger_breaches_lifted_ms", "ledger_breaches", ["lifted_ms", "id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("REVOKE DELETE ON ledger_breaches FROM bioql_operator")  # what was found stays on record


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
