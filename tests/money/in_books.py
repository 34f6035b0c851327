"""What a test may read in the ledger's side of a world."""

from typing import Any

from sqlalchemy import text

from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.ledger import Account
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState
from bioql_console.storage.database import Database


class InBooks:
    """One ledger."""

    database: Database

    def user(self, user_id: int) -> User:
        with self.database.read() as work:
            user = work.users.get(user_id)
        assert user is not None
        return user

    def cash_cents(self) -> int:
        """The account of money at Stripe."""
        found = self.rows(
            "SELECT coalesce(sum(micros), 0) FROM postings WHERE account = :account",
            account=Account.STRIPE_CLEARING.value,
        )[0][0]
        assert found % MICROS_PER_CENT == 0
        return int(found) // MICROS_PER_CENT

    def written_off_cents(self) -> int:
        (found,) = self.rows("SELECT coalesce(sum(micros), 0) FROM postings WHERE account = 'write_offs'")
        return int(found[0]) // MICROS_PER_CENT

    def rows(self, statement: str, **values: object) -> list[Any]:
        with self.database._readers.connect() as connection:
            return list(connection.execute(text(statement), values))

    def net_cents(self, user_id: int) -> int:
        """What a user owes, less credit."""
        balance = self.user(user_id).balance
        return (balance.owed_micros - balance.available_credit_micros) // MICROS_PER_CENT

    def check_books(self) -> None:
        with self.database.read() as work:
            found = work.verifier.run()
            counts = work.inbox.counts()
            refused = work.outbox.recent(50, MessageState.REFUSED)
        assert found.ok, found.differences
        assert counts.get(EventState.QUARANTINED, 0) == 0, self.rows(
            "SELECT type, reason FROM inbox WHERE state = 'quarantined'"
        )
        assert not refused, refused

    def left_to_links_cents(self, user_id: int) -> int:
        """What is owed but no invoice's business: on void invoices, or on its way from a bank."""
        with self.database.read() as work:
            void = work.invoices.of_user(user_id, InvoiceState.VOID)
            return sum(each.replaceable_cents for each in void) + work.checkouts.processing_cents(user_id)

    def waiting(self) -> int:
        with self.database.read() as work:
            return sum(n for (_, state), n in work.outbox.counts().items() if state is MessageState.WAITING)
