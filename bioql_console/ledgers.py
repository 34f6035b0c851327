"""Which database is an environment's ledger, and with which password it is opened."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bioql_console.core import Core, database_url, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import Credentials
from bioql_console.services.key_proof import LedgerBelongs
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.team_database import Choice, DatabasePasswords, TeamDatabase
from bioql_console.settings import Settings
from bioql_console.storage.database import Database, look


def ledger_at(url: str, credentials: Credentials | None = None) -> Database:
    """The ledger at an address, not opened yet.

    A team's password comes from the keychain where it is there, else in libpq's own ways: PGPASSWORD and PGPASSFILE.

    Raises:
        OperatorError: `db.url_invalid`.
    """
    if not url.startswith("postgres") or "PGPASSWORD" in os.environ:
        return Database(url, now_ms)
    passwords = DatabasePasswords(credentials or Credentials(KeychainSecrets(), now_ms))
    return Database(url, now_ms, passwords.get(url))


class Ledgers:
    """The ledgers of a window, by environment.

    Args:
        elsewhere: Ledgers that are elsewhere than the settings say.
    """

    def __init__(
        self,
        data_dir: Path,
        elsewhere: Mapping[Environment, str],
        credentials: Credentials,
        settings: Callable[[], Settings],
        save: Callable[[Settings], None],
    ) -> None:
        self._data_dir, self._elsewhere = data_dir, dict(elsewhere)
        self._credentials = credentials
        self._settings, self._save = settings, save

    def of(self, environment: Environment, *, make: bool = True) -> Database:
        """An environment's ledger, not opened yet."""
        asked = self._elsewhere.get(environment)
        url = database_url(self._settings(), self._data_dir, environment, asked, make=make)
        database = ledger_at(url, self._credentials)
        database.environment = environment
        return database

    @contextmanager
    def account_of(self, core: Core, environment: Environment, *, make: bool) -> Iterator[LedgerBelongs]:
        """What is known of an environment's Stripe account, also when another one is open.

        Args:
            make: Make or upgrade its ledger if need be; who only looks does not.
        """
        if environment is core.environment:
            yield core.account
            return
        database = self.of(environment, make=make)
        try:
            if make:
                database.open(self._data_dir / "backups")
            else:
                database.open_existing()
            yield LedgerBelongs(database, environment, now_ms)
        finally:
            database.close()

    def choice(self, environment: Environment) -> TeamDatabase:
        """Where the ledger of an environment is chosen. What was asked for on the command line is not stored."""
        asked = environment in self._elsewhere

        def chosen() -> str:
            return self._chosen(environment)

        def choose(url: str) -> None:
            if asked:
                self._elsewhere[environment] = url
                return
            try:
                self._save(self._settings().with_team_database(environment, url))
            except ValueError as error:
                raise OperatorError(
                    f"Not saved: {error}.", fix="Name another database and save again.", code="settings.invalid"
                ) from error

        def others() -> dict[Environment, str]:
            return {other: self._chosen(other) for other in Environment if other is not environment}

        choice = Choice(environment, chosen, choose, others)
        return TeamDatabase(choice, DatabasePasswords(self._credentials), look)

    def _chosen(self, environment: Environment) -> str:
        return self._elsewhere.get(environment) or self._settings().team_database(environment)
