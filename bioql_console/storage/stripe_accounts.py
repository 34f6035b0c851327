"""Which Stripe account the ledger belongs to, and which keys were proven, by fingerprint."""

from sqlalchemy import Connection, exists, select, update

from bioql_console.domain.environment import Environment
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.storage.account_tables import proven_keys, stripe_accounts
from bioql_console.storage.payment_tables import checkouts
from bioql_console.storage.prepared import Prepared, parameter
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import inbox, invoices, users

_OF = Prepared(lambda _: select(stripe_accounts).where(stripe_accounts.c.environment == parameter("which")))


class StripeAccounts:
    """At most one account for each environment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, environment: Environment) -> LedgerAccount | None:
        row = _OF.row(self._connection, which=environment.value)
        return None if row is None else LedgerAccount(row.account_id, row.name, row.since_ms)

    def set(self, environment: Environment, account: LedgerAccount) -> None:
        """Let the ledger belong to this account from now on."""
        values = {"account_id": account.id, "name": account.name, "since_ms": account.since_ms}
        statement = insert(self._connection, stripe_accounts).values(environment=environment.value, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["environment"], set_=values))

    def rename(self, environment: Environment, name: str) -> None:
        """Follow the name that the account has at Stripe."""
        self._connection.execute(
            update(stripe_accounts).where(stripe_accounts.c.environment == environment.value).values(name=name)
        )

    def holding(self) -> list[str]:
        """What the ledger holds of its account, in words; nothing when another account may take its place."""
        found = (
            ("customers", select(users.c.id).where(users.c.stripe_customer_id.is_not(None))),
            ("invoices", select(invoices.c.id)),
            ("payment links", select(checkouts.c.reference).where(checkouts.c.session_id.is_not(None))),
            ("events", select(inbox.c.sequence)),
        )
        return [words for words, rows in found if self._connection.execute(select(exists(rows))).scalar()]

    def proven_ms(self, fingerprint: str) -> int | None:
        """When Stripe last said whose key this is; None when it was never asked."""
        found = self._connection.execute(
            select(proven_keys.c.proven_ms).where(proven_keys.c.fingerprint == fingerprint)
        ).scalar()
        return None if found is None else int(found)

    def prove(self, fingerprint: str, account_id: str, at_ms: int) -> None:
        values = {"account_id": account_id, "proven_ms": at_ms}
        statement = insert(self._connection, proven_keys).values(fingerprint=fingerprint, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=values))
