"""Plans and tickets count their edits.

Why: of two operators who edit the same at once, the second is asked instead of writing over the first one's unseen.
Cost: none; both databases add a column with a default without touching the rows.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    for table in ("plans", "tickets"):
        op.add_column(table, sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
