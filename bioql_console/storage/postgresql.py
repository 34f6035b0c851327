"""How the team's server is talked to: encrypted as the address says, and never waited for without end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Rights
from bioql_console.storage import roles
from bioql_console.storage.cut_connections import tell_of_cuts
from bioql_console.storage.pulse import Pulse

OLDEST = 14
# libpq's own names. What the address says otherwise counts.
CONNECT: dict[str, int | str] = {
    "application_name": "BioQL console",
    "connect_timeout": 8,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Whoever waits is told; a console that was put to sleep in the middle holds nobody up for longer.
TIMEOUTS_MS = {
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 60_000,
    "statement_timeout": 300_000,
}


@dataclass(frozen=True, slots=True)
class Link:
    """What a connection tells of itself.

    Args:
        encrypted: None on a socket of this machine, where there is no network between.
        rights: None where there is nothing that one may read.
    """

    server: str
    encrypted: bool | None
    rights: Rights | None


def parsed(url: str) -> URL:
    """The address with our driver.

    Raises:
        OperatorError: `db.url_invalid`.
    """
    try:
        found = make_url(url)
    except ArgumentError as error:
        raise _invalid() from error
    kind = found.get_backend_name()
    if kind in ("postgresql", "postgres"):
        try:
            (found.host or "").encode("idna")
        except UnicodeError as error:
            raise _invalid() from error
        return found.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise _invalid()
    return found


def _invalid() -> OperatorError:
    return OperatorError(
        "The database's address can't be read.",
        fix="Write it like postgresql://user@host/database, or sqlite:////folder/bioql.db.",
        code="db.url_invalid",
    )


def words_of(url: URL) -> str:
    """Kind and place, without user and password."""
    return f"PostgreSQL · {url.host or 'local'}/{url.database}"


def make_engine(url: URL, password: str | None, connected: Callable[[Link], None]) -> Engine:
    """An engine whose connections tell what they are, each once.

    Args:
        password: Never part of `url`, which may be shown.
    """
    asked = {name: value for name, value in CONNECT.items() if name not in url.query}
    complete = url if password is None else url.set(password=password)
    # Parameters hold names, e-mails and key hashes; they have no place in an error's text.
    engine = create_engine(complete, hide_parameters=True, pool_pre_ping=True, connect_args=asked)

    def greet(raw: Any, _entry: ConnectionPoolEntry) -> None:
        connected(_greet(raw))

    event.listen(engine, "connect", greet)
    arguments, named = engine.dialect.create_connect_args(complete)

    def connect(within_s: int) -> Any:
        return engine.dialect.connect(*arguments, **{**named, **asked, "connect_timeout": within_s})

    Pulse(engine, connect)
    tell_of_cuts(engine, words_of(url))
    return engine


def _greet(raw: Any) -> Link:
    """Set time limits and find out what one may do, in one question."""
    version: int = raw.info.server_version
    if version // 10_000 < OLDEST:
        raise OperatorError(
            f"The database server is PostgreSQL {version // 10_000}; this console needs {OLDEST} or newer.",
            fix="Ask whoever runs the database to upgrade it.",
            code="db.server_too_old",
        )
    limits = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in TIMEOUTS_MS.items())
    raw.autocommit = True
    row = raw.execute(f"{roles.ASK}, {limits}").fetchone()
    raw.autocommit = False
    own = row[: -len(TIMEOUTS_MS)]
    over_network = not raw.info.host.startswith(("/", "@"))
    encrypted = bool(raw.pgconn.ssl_in_use) if over_network else None
    return Link(
        f"PostgreSQL {raw.info.parameter_status('server_version').split()[0]}", encrypted, roles.rights_from(own)
    )
