"""What the ledger says to reconciliation: rows of one moment, streamed, never loaded whole."""

from collections.abc import Iterable, Iterator
from itertools import starmap

from sqlalchemy import BigInteger, and_, case, cast, func, or_, select

from bioql_console.domain.cash import InvoiceRow, MeteredRow, ToldRow, UserRow
from bioql_console.domain.imports import IMPORT_SOURCE, IMPORTED, INVOICE_SOURCE
from bioql_console.domain.invoices import InvoiceSource
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MessageKind, MessageState
from bioql_console.domain.reconciliation import Accepted, Period
from bioql_console.domain.webhooks import EventState
from bioql_console.storage.outbox_tables import outbox
from bioql_console.storage.reconciliation_cash import CashFacts
from bioql_console.storage.reconciliation_tables import accepted_differences
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import (
    activity,
    balances,
    inbox,
    invoice_payments,
    invoices,
    journal_entries,
    usage,
    users,
)

# As the activity trail calls it.
TEST_EVENT = "sent test meter event"


class LedgerFacts(CashFacts):
    """The ledger's side of a reconciliation."""

    def began_ms(self) -> int | None:
        """When these books began: their oldest entry that was not brought in; None while there is none."""
        first = select(func.min(journal_entries.c.effective_ms)).where(
            journal_entries.c.source_type.not_in((IMPORT_SOURCE, INVOICE_SOURCE))
        )
        return self._connection.execute(first).scalar()

    def users(self) -> Iterator[UserRow]:
        rows = select(
            users.c.id,
            users.c.name,
            users.c.email,
            func.coalesce(users.c.stripe_customer_id, ""),
            func.coalesce(users.c.stripe_subscription_id, ""),
            func.coalesce(balances.c.receivable_micros, 0) // MICROS_PER_CENT,
        ).outerjoin(balances, balances.c.user_id == users.c.id)
        return starmap(UserRow, self._stream(rows))

    # --- invoices

    def invoice_payments(self) -> Iterator[tuple[str, str]]:
        """Payment intents with the invoice that each was for."""
        return (tuple(row) for row in self._stream(select(invoice_payments)))

    def invoices(self, period: Period) -> Iterator[InvoiceRow]:
        """Invoices made in the period, but for those that were brought in."""
        rows = (
            select(
                invoices.c.invoice_id,
                func.coalesce(users.c.stripe_customer_id, ""),
                invoices.c.state,
                invoices.c.total_cents,
                invoices.c.due_cents,
                invoices.c.paid_cents,
                invoices.c.created_ms,
                invoices.c.number,
                invoices.c.source == InvoiceSource.MANUAL.value,
            )
            .join(users, users.c.id == invoices.c.user_id)
            .where(
                invoices.c.created_ms.between(period.from_ms, period.to_ms - 1),
                invoices.c.reason != IMPORTED,
            )
        )
        return starmap(InvoiceRow, self._stream(rows))

    # --- what Stripe was told

    def told(self) -> Iterator[ToldRow]:
        """Every change of a Stripe balance that the outbox has."""
        at_ms = func.coalesce(outbox.c.sent_ms, outbox.c.occurred_ms)
        rows = select(
            outbox.c.key,
            outbox.c.stripe_customer_id,
            outbox.c.user_id,
            outbox.c.value,
            outbox.c.state,
            at_ms,
            outbox.c.error,
            outbox.c.id,
        ).where(outbox.c.kind == MessageKind.BALANCE_CREDIT.value)
        return starmap(ToldRow, self._stream(rows))

    def metered(self, since_ms: int) -> Iterator[MeteredRow]:
        """Runs from a time on that make at least a whole cent, of users whom Stripe knows.

        Fractions of cents add up over all runs of a user, and each whole cent goes with the run that completes it.
        """
        total = func.sum(usage.c.cost_micros).over(partition_by=usage.c.user_id, order_by=usage.c.id)
        runs = (
            select(
                usage.c.usage_id,
                usage.c.user_id,
                usage.c.at_ms,
                usage.c.cost_micros,
                cast(total, BigInteger).label("total"),
            )
            .where(~usage.c.opening)
            .subquery()
        )
        before = runs.c.total - runs.c.cost_micros
        units = cast(runs.c.total // MICROS_PER_CENT - before // MICROS_PER_CENT, BigInteger)
        sent = and_(outbox.c.key == runs.c.usage_id, outbox.c.kind == MessageKind.METER_EVENT.value)
        rows = (
            select(
                runs.c.usage_id,
                runs.c.user_id,
                func.coalesce(outbox.c.stripe_customer_id, users.c.stripe_customer_id, ""),
                units,
                runs.c.at_ms,
                func.coalesce(outbox.c.state, ""),
                func.coalesce(outbox.c.error, ""),
                func.coalesce(outbox.c.id, 0),
                func.coalesce(outbox.c.sent_ms, 0),
            )
            .join(users, users.c.id == runs.c.user_id)
            .outerjoin(outbox, sent)
            .where(runs.c.at_ms >= since_ms, units > 0)
        )
        return starmap(MeteredRow, self._stream(rows))

    def meter_traffic(self) -> list[tuple[str, int | None]]:
        """What goes to the meter besides runs, and what is taken back there: customer, and when it was sent; None while
        it waits."""
        rows = self._connection.execute(
            select(outbox.c.stripe_customer_id, outbox.c.sent_ms)
            .outerjoin(usage, usage.c.usage_id == outbox.c.key)
            .where(
                outbox.c.state.in_((MessageState.WAITING.value, MessageState.SENT.value)),
                or_(
                    outbox.c.kind == MessageKind.METER_CANCEL.value,
                    and_(outbox.c.kind == MessageKind.METER_EVENT.value, usage.c.id.is_(None)),
                ),
            )
        )
        return [(customer, sent_ms) for customer, sent_ms in rows]

    def test_usage(self) -> list[tuple[str, str, int]]:
        """Test events that were sent from the Meter page: identifier, customer, time."""
        rows = self._connection.execute(
            select(activity.c.subject, activity.c.after, activity.c.at_ms).where(activity.c.action == TEST_EVENT)
        )
        return [(identifier, customer, at_ms) for identifier, customer, at_ms in rows]

    # --- causes, and what was accepted

    def heard_about(self, object_ids: Iterable[str]) -> tuple[str, EventState, str] | None:
        """The newest event about one of these objects: its id, its state, and the reason."""
        wanted = [each for each in object_ids if each]
        row = self._connection.execute(
            select(inbox.c.event_id, inbox.c.state, inbox.c.reason)
            .where(inbox.c.object_id.in_(wanted))
            .order_by(case((inbox.c.state == EventState.QUARANTINED.value, 0), else_=1), inbox.c.sequence.desc())
            .limit(1)
        ).first()
        return None if row is None else (row.event_id, EventState(row.state), row.reason)

    def fate_of(self, event_id: str) -> tuple[EventState, str] | None:
        """What became of an event, and why; None when it is not in the inbox."""
        row = self._connection.execute(
            select(inbox.c.state, inbox.c.reason).where(inbox.c.event_id == event_id)
        ).one_or_none()
        return None if row is None else (EventState(row.state), row.reason)

    def accepted(self) -> dict[str, Accepted]:
        """By key, the newest acceptance of each difference."""
        rows = self._connection.execute(select(accepted_differences).order_by(accepted_differences.c.id))
        return {row.key: Accepted(row.key, row.state, row.remark, row.operator, row.at_ms) for row in rows}

    def accept(self, accepted: Accepted) -> None:
        self._connection.execute(
            insert(self._connection, accepted_differences).values(
                key=accepted.key,
                state=accepted.state,
                remark=accepted.remark,
                operator=accepted.operator,
                at_ms=accepted.at_ms,
            )
        )
