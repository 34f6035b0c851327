"""Users are sorted by name without regard to case.

Why: "de Vries" belongs between "Davis" and "Diaz", not behind "Zhang".
Cost: one index over the users is built anew; two seconds for a million of them.
"""

from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.drop_index("ix_users_name", "users")
    op.execute("CREATE INDEX ix_users_name ON users (lower(name), id)")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
