"""One transaction and the repositories that work in it."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from bioql_console.domain.safety import unsafe
from bioql_console.domain.verification import Difference
from bioql_console.storage.activity import ActivityLog
from bioql_console.storage.change_notes import ChangeNotes
from bioql_console.storage.checkouts import Checkouts
from bioql_console.storage.error_reports import ErrorReports
from bioql_console.storage.event_coverage import EventCoverage
from bioql_console.storage.figures import FiguresReader
from bioql_console.storage.imports import Imports
from bioql_console.storage.inbox import Inbox
from bioql_console.storage.invoices import Invoices
from bioql_console.storage.ledger import Ledger
from bioql_console.storage.money_back import MoneyBacks
from bioql_console.storage.moves import Moves
from bioql_console.storage.outbox import Outbox
from bioql_console.storage.receivables import Receivables
from bioql_console.storage.reconciliation import LedgerFacts
from bioql_console.storage.refused_keys import RefusedKeys
from bioql_console.storage.restores import Restores
from bioql_console.storage.safety import PostingGuard, Safety
from bioql_console.storage.stripe_accounts import StripeAccounts
from bioql_console.storage.tariff import Tariff
from bioql_console.storage.tickets import Tickets
from bioql_console.storage.usage import UsageLog
from bioql_console.storage.users import Users
from bioql_console.storage.verify import Verifier


class UnitOfWork:
    """Everything done through one of these is committed together, or not at all."""

    def __init__(
        self,
        connection: Connection,
        now_ms: Callable[[], int],
        notes: ChangeNotes,
        on_breach: Callable[[], None] = lambda: None,
    ) -> None:
        self._notes = notes
        self._connection = connection
        self.committed = False
        self._on_breach = on_breach
        self.safety = Safety(connection, now_ms)
        self._guard = PostingGuard(connection, self.safety)
        self.users = Users(connection)
        self.ledger = Ledger(connection, now_ms, self._guard)
        self.receivables = Receivables(connection)
        self.usage = UsageLog(connection)
        self.tariff = Tariff(connection)
        self.checkouts = Checkouts(connection)
        self.invoices = Invoices(connection)
        self.money_back = MoneyBacks(connection)
        self.tickets = Tickets(connection)
        self.refused_keys = RefusedKeys(connection)
        self.inbox = Inbox(connection)
        self.accounts = StripeAccounts(connection)
        self.coverage = EventCoverage(connection)
        self.restores = Restores(connection, now_ms)
        self.moves = Moves(connection, now_ms)
        self.outbox = Outbox(connection)
        self.error_reports = ErrorReports(connection)
        self.activity = ActivityLog(connection, now_ms)
        self.figures = FiguresReader(connection)
        self.imports = Imports(connection)
        self.reconciliation = LedgerFacts(connection)
        self.verifier = Verifier(connection)

    def touch(self) -> None:
        """Make the transaction one that writes, without changing anything."""
        sqlite = self._connection.dialect.name == "sqlite"
        # The first writes its page again with the number that it holds; the other takes a transaction's number.
        self._connection.exec_driver_sql("PRAGMA user_version = 1" if sqlite else "SELECT pg_current_xact_id()")

    def commit(self) -> None:
        """Make it last, unless what it posted is not as it must be.

        Raises:
            OperatorError: `ledger.unsafe`; nothing was changed then, and nothing is posted from now on.
        """
        if broken := self._guard.broken():
            self._connection.rollback()
            broken = self._guard.broken_before() or broken
            self.stop_posting(broken)
            self._notes.commit(self._connection)
            self._on_breach()
            raise unsafe(broken)
        self._notes.commit(self._connection)
        self.committed = True

    def stop_posting(self, broken: Sequence[Difference]) -> bool:
        """Keep what is broken, and say so in the trail; False when all of it was known."""
        action = "found more broken" if self.safety.breaches(1) else "stopped posting"
        if not self.safety.record(broken):
            return False
        self.activity.record("system", action, "ledger", after=broken[0].what)
        return True
