"""What a team's server said of our connections to it: whether they are encrypted, and what we may do there."""

from dataclasses import replace

from sqlalchemy import Engine, text

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Rights, Role, ask_for
from bioql_console.storage import roles
from bioql_console.storage.postgresql import Link


class Access:
    """Learned from each new connection, and asked for anew on demand."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._link: Link | None = None

    def connected(self, link: Link) -> None:
        """A connection was made; it tells what it is."""
        self._link = link

    @property
    def server(self) -> str:
        """E.g. "PostgreSQL 15.4"; "SQLite" where there is no server."""
        return self._link.server if self._link else "SQLite"

    @property
    def encrypted(self) -> bool | None:
        """Whether the network reads along; None where there is none between, or nothing is connected yet."""
        return self._link.encrypted if self._link else None

    def rights(self) -> Rights | None:
        """What we may do, as far as that is known."""
        return self._link.rights if self._link else None

    def ask(self, engine: Engine) -> None:
        """Ask anew: tables may have been made, and roles granted, since the connection was.

        Raises:
            OperatorError: `db.right_missing` for who may not even read.
        """
        with engine.connect() as connection:
            found = roles.rights_from(tuple(connection.execute(text(roles.ASK)).one()))
        if self._link is not None:
            self._link = replace(self._link, rights=found)
        if found is None:
            raise OperatorError(
                "You may not read this ledger.",
                fix=ask_for(Role.VIEWER, self._user or "you"),
                code="db.right_missing",
            )
