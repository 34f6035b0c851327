"""Roles of a team on PostgreSQL: who may read, who may work, who may change the schema and the prices.

Roles belong to the whole server: its databases share them, so they are made once and never taken away. The tables
belong to `bioql_admin`, so that every member of it can upgrade them, whoever made them.
"""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Rights, Role, ask_for, quoted

# A role holds what the one before it holds.
MAKING = (
    f"CREATE ROLE {Role.VIEWER.value} NOLOGIN",
    f"CREATE ROLE {Role.OPERATOR.value} NOLOGIN IN ROLE {Role.VIEWER.value}",
    f"CREATE ROLE {Role.ADMIN.value} NOLOGIN IN ROLE {Role.OPERATOR.value}",
)
# What each role is told by: a table that it may change and the one before it may not, or may read at all.
SIGNS = (
    (Role.ADMIN, "prices", "INSERT"),
    (Role.OPERATOR, "journal_entries", "INSERT"),
    (Role.VIEWER, "users", "SELECT"),
)
# NULL where a table is not made yet.
ASK = "SELECT current_user, " + ", ".join(
    f"has_table_privilege(to_regclass('{table}'), '{privilege}')" for _, table, privilege in SIGNS
)


def rights_from(row: tuple[object, ...]) -> Rights | None:
    """What the answer to `ASK` says; None where there is nothing that one may read."""
    user, *may = row
    for (role, _, _), granted in zip(SIGNS, may, strict=True):
        if granted:
            return Rights(role, str(user))
    return None


def make_roles(engine: Engine) -> None:
    """Make the roles that the server lacks, and let who makes them belong to the highest. Doing it again is fine.

    Raises:
        OperatorError: `db.roles_missing`, with the SQL for whoever may make roles.
    """
    with engine.connect() as connection:
        missing = _missing(connection)
    if missing:
        with engine.connect() as connection:
            _make(connection, missing)


def _missing(connection: Connection) -> list[Role]:
    found = set(connection.execute(text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'bioql%'")).scalars())
    return [role for role in Role if role.value not in found]


def _make(connection: Connection, missing: list[Role]) -> None:
    user = str(connection.execute(text("SELECT current_user")).scalar())
    sql = [MAKING[role.rank] for role in missing]
    # Who may make roles but is no superuser is not in what it makes.
    member = f"GRANT {Role.ADMIN.value} TO {quoted(user)}"
    try:
        for statement in sql:
            connection.execute(text(statement))
        if not _may_become_admin(connection):
            connection.execute(text(member))
        connection.commit()
    except DBAPIError as error:
        connection.rollback()
        if not _missing(connection):
            return  # Somebody else was faster, in another database of this server.
        raise OperatorError(
            f"The database server has no BioQL roles yet, and {user} may not make them.",
            fix=f"Ask whoever runs the database for: {'; '.join([*sql, member])}; then start again.",
            code="db.roles_missing",
        ) from error


def _may_become_admin(connection: Connection) -> bool:
    query = f"SELECT pg_has_role(current_user, '{Role.ADMIN.value}', 'MEMBER')"
    return bool(connection.execute(text(query)).scalar())


def become_admin(connection: Connection) -> None:
    """Let the rest of this transaction make and change tables as `bioql_admin`, which is to own them all.

    Raises:
        OperatorError: `db.right_missing`.
    """
    user = str(connection.execute(text("SELECT current_user")).scalar())
    if not _may_become_admin(connection):
        what = "The tables must be made or upgraded first, and you may not do that."
        raise OperatorError(what, fix=ask_for(Role.ADMIN, user), code="db.right_missing")
    schema, may_create = connection.execute(
        text(
            "SELECT quote_ident(current_schema()), "
            f"has_schema_privilege('{Role.ADMIN.value}', current_schema(), 'CREATE')"
        )
    ).one()
    if not may_create:
        connection.execute(text(f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {Role.ADMIN.value}"))
    connection.execute(text(TAKE_OVER))
    connection.execute(text(f"SET LOCAL ROLE {Role.ADMIN.value}"))


# Tables bring their sequences and indexes along; extensions keep what is theirs.
TAKE_OVER = f"""
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname = current_schema() AND tableowner <> '{Role.ADMIN.value}'
    LOOP
        EXECUTE 'ALTER TABLE ' || each.name || ' OWNER TO {Role.ADMIN.value}';
    END LOOP;
    FOR each IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = current_schema()::regnamespace AND r.rolname <> '{Role.ADMIN.value}'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE 'ALTER FUNCTION ' || each.name || ' OWNER TO {Role.ADMIN.value}';
    END LOOP;
END $$
"""
