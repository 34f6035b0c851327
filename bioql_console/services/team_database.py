"""Connecting to a team's PostgreSQL: proven before it is stored, the password in the keychain and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Choice:
    """An environment's ledger in the settings.

    Args:
        chosen, choose: Its URL, empty for a file of one's own, and how another one is stored.
        others: URLs of the ledgers of other environments.
    """

    environment: Environment
    chosen: Callable[[], str]
    choose: Callable[[str], None]
    others: Callable[[], Mapping[Environment, str]]


class TeamDatabase:
    """Chooses the ledger of an environment. Every call may block.

    Args:
        look: Connects, asks, and closes again.
    """

    def __init__(
        self, choice: Choice, passwords: DatabasePasswords, look: Callable[[str, str | None], DatabaseSeen]
    ) -> None:
        self._environment, self._others = choice.environment, choice.others
        self._chosen, self._choose = choice.chosen, choice.choose
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
        for other, url in self._others().items():
            if url.startswith("postgres") and DatabaseAddress.read(url).place == address.place:
                raise self._taken(other)
        url = address.url()
        seen = self._look(url, password or self._passwords.get(url))
        if seen.environment not in (None, self._environment):
            assert seen.environment is not None
            raise self._taken(seen.environment)
        return seen

    def _taken(self, other: Environment) -> OperatorError:
        word = self._environment.word
        return OperatorError(
            f"This database is the ledger of {other.word}; {word} needs one of its own.",
            fix=f"Name another database for {word}. A new one is made with CREATE DATABASE.",
            code="db.other_environment",
        )

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
