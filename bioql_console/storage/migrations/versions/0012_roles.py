"""What each role of a team may do on PostgreSQL.

Why: who may write is decided by the database and not by hidden buttons. A viewer reads, an operator does the daily
work and deletes nothing, an admin also sets prices and plans, imports, and upgrades.
Cost: a moment without readers while the tables change hands. On SQLite there is nothing to do.

Tables of later migrations are covered by default privileges: readable for all roles, and for operators to write in.
A migration that makes a table of another kind says so itself.
"""

from alembic import op
from sqlalchemy import text

revision, down_revision = "0012", "0011"

APPEND_ONLY = ("journal_entries", "postings", "activity")
ADMINS_ONLY = ("alembic_version", "prices", "plans", "imports", "imported_users")
# The list of refused keys is kept short.
SHORTENED = ("refused_keys",)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    schema, tables, sequences = _own()
    later = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO bioql_viewer")
    op.execute(f"GRANT SELECT ON {', '.join(tables)} TO bioql_viewer")
    op.execute(f"GRANT USAGE, SELECT ON SEQUENCE {', '.join(sequences)} TO bioql_operator")
    for table in tables:
        if table not in ADMINS_ONLY:
            verbs = "INSERT" if table in APPEND_ONLY else "INSERT, UPDATE"
            op.execute(f"GRANT {verbs}{', DELETE' if table in SHORTENED else ''} ON {table} TO bioql_operator")
    op.execute(f"{later} GRANT SELECT ON TABLES TO bioql_viewer")
    op.execute(f"{later} GRANT INSERT, UPDATE, DELETE ON TABLES TO bioql_operator")
    op.execute(f"{later} GRANT USAGE, SELECT ON SEQUENCES TO bioql_operator")


def _own() -> tuple[str, list[str], list[str]]:
    """The schema, and the tables and sequences in it that are ours: whoever migrates acts as their owner."""
    connection = op.get_bind()
    schema = str(connection.scalar(text("SELECT quote_ident(current_schema())")))
    found = connection.execute(
        text(
            "SELECT relkind::text, quote_ident(relname) FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S') "
            "AND relowner = current_user::regrole"
        )
    )
    kinds: dict[str, list[str]] = {"r": [], "S": []}
    for kind, name in found:
        kinds[kind].append(name)
    return schema, sorted(kinds["r"]), sorted(kinds["S"])


def downgrade() -> None:
    raise NotImplementedError("Restore a backup instead.")
