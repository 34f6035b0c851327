"""A ledger, a sandbox that plays Stripe, and what an operator does with keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import ActivityQuery
from bioql_console.services.credentials import Credentials
from bioql_console.services.key_permissions import needed
from bioql_console.services.key_proof import LedgerBelongs, StripeDoor
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.stripe_keys import StripeKeys
from bioql_console.storage.database import Database, sqlite_url
from tests.sandbox.conftest import Running, serving

TEST, LIVE = Environment.TEST, Environment.LIVE
NOW, HOUR = 1_790_000_000_000, 3_600_000
ALL = {permission.resource.slug: permission.access.value.lower() for permission in needed()}


@dataclass
class Desk:
    """A ledger, a sandbox that plays Stripe, and what an operator does with keys."""

    stripe: Running
    database: Database
    credentials: Credentials
    address: str

    @property
    def keys(self) -> StripeKeys:
        @contextmanager
        def ledger(environment: Environment, _make: bool) -> Iterator[LedgerBelongs]:
            yield LedgerBelongs(self.database, environment, lambda: NOW)

        return StripeKeys(self.credentials, StripeDoor(lambda _environment: self.address), ledger, lambda: NOW)

    def made(self, permissions: dict[str, str] | None = None, **more: Any) -> str:
        return str(self.stripe.control("keys", permissions=permissions, **more)["key"])

    def save(self, key: str, environment: Environment = TEST, **how: Any) -> None:
        self.keys.store(self.keys.prove(environment, key), "ana", **how)

    def refused(self, key: str, environment: Environment = TEST) -> OperatorError:
        """The reason, after a look that nothing is stored."""
        before = self.credentials.stripe_secret_key(environment)
        with pytest.raises(OperatorError) as refused:
            self.save(key, environment)
        assert self.credentials.stripe_secret_key(environment) == before
        assert key not in refused.value.sentence() + repr(refused.value)
        return refused.value

    def trail(self) -> list[tuple[str, str, str]]:
        with self.database.read() as work:
            rows = work.activity.page(ActivityQuery(), None, 50).rows
        return [(row.action, row.before, row.after) for row in reversed(rows)]


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """What stands in for Stripe; each test makes keys of its own there."""
    with serving(tmp_path_factory.mktemp("keys") / "stripe.db") as running:
        yield running


@pytest.fixture
def desk(stripe: Running, tmp_path: Path) -> Iterator[Desk]:
    database = Database(sqlite_url(tmp_path / "bioql.db"), lambda: NOW)
    database.open(tmp_path / "backups")
    yield Desk(stripe, database, Credentials(KeychainSecrets(), lambda: NOW), stripe.url)
    database.close()
