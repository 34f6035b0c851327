"""What an operator does about usage on its way to the meter: send it again, collect it otherwise, take it back."""

from collections.abc import Callable, Sequence

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.ledger import usage_reversal_fact
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.outbox import Message, MessageKind, MessageState
from bioql_console.domain.users import User
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store, Work
from bioql_console.services.settlement import close_excessive_links, is_in_balance, queue_balance

# What is asked in the last minutes may reach Stripe too late.
CANCEL_MARGIN_MS = 5 * 60_000


class UsageCorrections:
    """Each call is one transaction, with its record in the activity trail."""

    def __init__(self, store: Store, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms

    def send_again(self, message_ids: Sequence[int], operator: str) -> int:
        """Try refused messages again, after their cause was repaired. Returns how many were refused until now.

        Usage goes to the customer that its user has by now.
        """
        count = 0
        with self._store.write() as work:
            for message_id in message_ids:
                if work.outbox.resend(message_id):
                    message = work.outbox.get(message_id)
                    assert message is not None
                    user = work.users.get(message.user_id)
                    if message.kind is MessageKind.METER_EVENT and user is not None and user.stripe_customer_id:
                        work.outbox.readdress(message_id, user.stripe_customer_id)
                    work.activity.record(operator, "re-sent to Stripe", message.key, after=message.identifier)
                    count += 1
            work.commit()
        self._changes.publish(Change("outbox"), Change("activity"))
        return count

    def collect_otherwise(self, message_ids: Sequence[int], operator: str) -> int:
        """Usage that the meter does not take is added to the customer's Stripe balance: the next invoice collects it.

        Users without a subscription owe it by the books alone, from which links and invoices here are made. Returns
        how many messages were closed.
        """
        count, now_ms = 0, self._now_ms()
        with self._store.write() as work:
            for message_id in message_ids:
                message = work.outbox.get(message_id)
                if message is None or message.kind is not MessageKind.METER_EVENT:
                    continue
                user = _owner(work, message)
                words = f"Collected otherwise, by {operator}."
                if not work.outbox.close(message_id, words, MessageState.REFUSED):
                    continue
                if user.stripe_subscription_id and not is_in_balance(work, user, message.occurred_ms):
                    what = f"Usage of {plain_dollars(message.value * MICROS_PER_CENT)} that was not metered"
                    queue_balance(work, user, f"late-{message.key}", -message.value, now_ms, what)
                work.activity.record(operator, "collects usage otherwise", message.key, reason=message.error)
                count += 1
            work.commit()
        self._changes.publish(Change("outbox"), Change("activity"))
        return count

    def take_back(self, message_id: int, operator: str, reason: str) -> int:
        """Usage that was recorded by mistake is owed no more, and the meter is told. Returns its cents.

        Raises:
            OperatorError: `usage.no_reason`, `usage.gone`, `usage.under_way`, `usage.too_late`, `usage.invoiced`.
        """
        if not reason.strip():
            raise OperatorError("There is no reason.", fix="Say why it is taken back.", code="usage.no_reason")
        now_ms = self._now_ms()
        with self._store.write() as work:
            message = work.outbox.get(message_id)
            if message is None or message.kind is not MessageKind.METER_EVENT or work.usage.get(message.key) is None:
                raise OperatorError("This is no recorded run.", fix="Choose a run.", code="usage.gone")
            user = _owner(work, message)
            self._require_in_time(work, message, now_ms)
            words = f"Taken back by {operator}: {reason.strip()}"
            closed = message.state is MessageState.CLOSED
            if closed or not work.outbox.close(message_id, words, message.state):
                raise OperatorError(
                    "It is on its way to Stripe right now, or was taken back already.",
                    fix="Try again in a moment.",
                    code="usage.under_way",
                )
            if message.state is MessageState.SENT:
                work.outbox.add(
                    MessageKind.METER_CANCEL,
                    f"cancel-{message.identifier}",
                    user_id=user.id,
                    stripe_customer_id=message.stripe_customer_id,
                    value=message.value,
                    occurred_ms=now_ms,
                    extra={"identifier": message.identifier},
                )
            # What the meter was told of, so that both sums stay equal where runs cost fractions of a cent.
            micros = message.value * MICROS_PER_CENT
            work.ledger.post(usage_reversal_fact(message.key, user.id, micros, now_ms, reason.strip(), operator))
            if is_in_balance(work, user, message.occurred_ms):
                what = f"Usage of {plain_dollars(micros)} taken back"
                queue_balance(work, user, f"taken-back-{message.key}", message.value, now_ms, what)
            close_excessive_links(work, user, now_ms)
            amount = plain_dollars(micros)
            work.activity.record(operator, "took usage back", message.key, before=amount, reason=reason.strip())
            work.commit()
        self._changes.publish(*(Change(topic, user.id) for topic in ("balances", "outbox", "usage", "activity")))
        return message.value

    def _require_in_time(self, work: Work, message: Message, now_ms: int) -> None:
        """Only usage that Stripe counts and no invoice has is taken back there."""
        until_ms = message.cancel_by_ms
        if until_ms is None:
            return
        if now_ms > until_ms - CANCEL_MARGIN_MS:
            raise OperatorError(
                "Stripe takes usage back for 24 hours only.",
                fix="Adjust the user's balance on the Users page: the next invoice nets to it.",
                code="usage.too_late",
            )
        invoices = work.invoices.of_user(message.user_id, *InvoiceState)
        if any(each.subscription and each.created_ms >= message.occurred_ms for each in invoices):
            raise OperatorError(
                "It is on an invoice already, which would keep it.",
                fix="Adjust the user's balance on the Users page: the next invoice nets to it.",
                code="usage.invoiced",
            )


def _owner(work: Work, message: Message) -> User:
    user = work.users.get(message.user_id)
    assert user is not None, "a message belongs to a user"
    return user
