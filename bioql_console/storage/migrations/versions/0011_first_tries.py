"""When usage was first tried under its identifier.

Why: Stripe remembers an identifier for a day from when it came, which may be any of the tries; the last one's time
alone would let usage be counted twice.
Cost: the waiting messages are written once.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("first_tried_ms", sa.BigInteger()))
    op.execute("UPDATE outbox SET first_tried_ms = tried_ms WHERE state = 'waiting'")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
