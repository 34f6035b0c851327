"""Connecting to a team's PostgreSQL: proven before it is stored, the password in the keychain and nowhere else."""

from collections.abc import Callable
from urllib.parse import urlsplit

from bioql_console.domain.database_address import DatabaseAddress, DatabaseSeen
from bioql_console.domain.environment import LONGEST_SECRET, Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import Credentials

# A password is a server's and a user's, whatever the environment: all are kept in one place.
SHELF = Environment.TEST


class DatabasePasswords:
    """A password for each user and database."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def get(self, url: str) -> str | None:
        """The stored one; None also when the keychain can't be asked: the server may let one in without."""
        if not url.startswith("postgres"):
            return None
        try:
            return self._credentials.kept(SHELF, _name(url))
        except OperatorError:
            return None

    def put(self, url: str, password: str) -> str:
        """Keep it; the answer says where: "keychain" or "this run only"."""
        return self._credentials.keep(SHELF, _name(url), password)

    def forget(self, url: str) -> None:
        """Remove it everywhere.

        Raises:
            OperatorError: `keychain.*`.
        """
        self._credentials.drop(SHELF, _name(url))


def _name(url: str) -> str:
    """Without the query: how one connects does not change whose password it is."""
    parts = urlsplit(url)
    address = DatabaseAddress.read(url)
    return f"database {parts.username or ''}@{address.host}:{address.port}{parts.path}"


class TeamDatabase:
    """Chooses the ledger. Every call may block.

    Args:
        chosen, choose: The URL in use, empty for a file of one's own, and how another one is stored.
        look: Connects, asks, and closes again.
    """

    def __init__(
        self,
        chosen: Callable[[], str],
        choose: Callable[[str], None],
        passwords: DatabasePasswords,
        look: Callable[[str, str | None], DatabaseSeen],
    ) -> None:
        self._chosen, self._choose = chosen, choose
        self._passwords, self._look = passwords, look

    def address(self) -> DatabaseAddress | None:
        """What is chosen; None for a file of one's own."""
        url = self._chosen()
        return DatabaseAddress.read(url) if url.startswith("postgres") else None

    def password_kept(self) -> bool:
        """Whether there is a password for what is chosen."""
        return self._passwords.get(self._chosen()) is not None

    def prove(self, address: DatabaseAddress, password: str) -> DatabaseSeen:
        """Connect as it would be done from now on. Nothing is stored.

        Args:
            password: Empty for the one that is stored, if any.

        Raises:
            OperatorError: `db.*`: what is in the way.
        """
        if len(password) > LONGEST_SECRET or "\x00" in password:
            raise OperatorError("This is no password.", fix="Enter it again.", code="db.password_wrong")
        url = address.url()
        return self._look(url, password or self._passwords.get(url))

    def choose(self, address: DatabaseAddress, password: str) -> tuple[DatabaseSeen, str]:
        """Prove it, and use it from the next opening on.

        Returns:
            What the database said, and where the password is kept; empty when there is none.

        Raises:
            OperatorError: `db.*`, `settings.*`; everything stays as it was then.
        """
        seen = self.prove(address, password)
        url = address.url()
        kept = self._passwords.put(url, password) if password else ""
        self._choose(url)
        return seen, kept

    def use_own_file(self) -> None:
        """Go back to a file of this computer, and forget the password.

        Raises:
            OperatorError: `settings.*`, `keychain.*`.
        """
        url = self._chosen()
        self._choose("")
        if url.startswith("postgres"):
            self._passwords.forget(url)
