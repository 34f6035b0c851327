"""What is told to Stripe about money: credits, credit notes, invoices, links to close. One after the other."""

from collections.abc import Callable, Sequence

from bioql_console.domain.checkout import CheckoutLink
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.outbox import Message, MessageKind
from bioql_console.services.live_lock import acting_for
from bioql_console.services.ports import Store
from bioql_console.services.settlement import queue_balance, uninvoiced_cents
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.usage_meter import UsageMeter

FIRST_PAUSE_MS = 2_000


class MoneyMessages:
    """Knows for each kind of message what is asked of Stripe, and whether that is still wanted."""

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        meter: UsageMeter,
        now_ms: Callable[[], int],
        days_until_due: int,
        meter_lag_ms: int,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._meter = meter
        self._now_ms = now_ms
        self._days_until_due = days_until_due
        self._meter_lag_ms = meter_lag_ms
        self._ways: dict[MessageKind, Callable[[Message], bool]] = {
            MessageKind.METER_CANCEL: self._take_back,
            MessageKind.BALANCE_CREDIT: self._send_balance,
            MessageKind.CREDIT_NOTE: self._send_credit_note,
            MessageKind.INVOICE: self._send_invoice,
            MessageKind.CLOSE_LINK: self._close_link,
        }

    def send(self, message: Message) -> bool:
        """Whether Stripe accepted it; False when it was put off, or something else does its work.

        Raises:
            OperatorError: `stripe.*`, `live.locked`.
        """
        with acting_for(Standing.MONEY):
            return self._ways[message.kind](message)

    def _take_back(self, message: Message) -> bool:
        self._meter.take_back(message.extra["identifier"])
        return True

    def _send_balance(self, message: Message) -> bool:
        words = message.extra.get("description", "BioQL payment")
        gateway = self._stripe.gateway()
        gateway.credit_balance(
            message.stripe_customer_id, message.value, message.key, words, since_ms=message.occurred_ms
        )
        return True

    def _send_credit_note(self, message: Message) -> bool:
        """Should the invoice have been paid meanwhile, its amount becomes credit for the next one."""
        invoice, words = message.extra["invoice"], message.extra["description"]
        if self._stripe.gateway().credit_invoice(invoice, message.value, message.key, words):
            return True
        with self._store.write() as work:
            known, user = work.invoices.get(invoice), work.users.get(message.user_id)
            assert user is not None
            # Another process may have come this far too; only one of them may go on.
            mine = work.outbox.replaced(message.id, "The invoice asks for less than this by now.", self._now_ms())
            state = known.state if known is not None else None
            # Of a void invoice the payment took over what nothing else will collect.
            if mine and state is not InvoiceState.VOID:
                work.invoices.settle(invoice, -message.value)
            # Nor does Stripe collect what is left of one that was written off; its event tells if it is paid after all.
            if mine and state not in (InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE):
                queue_balance(work, user, f"{message.key}:instead", message.value, message.occurred_ms, words)
            work.commit()
        return False

    def _send_invoice(self, message: Message) -> bool:
        """Everything else about the user goes first, so that the invoice nets to what is owed."""
        with self._store.read() as work:
            others = [each for each in work.outbox.waiting_for(message.user_id) if each.kind is not message.kind]
            user, links = work.users.get(message.user_id), work.checkouts.unfinished(message.user_id)
            metered_ms = work.outbox.last_sent_ms(message.user_id, MessageKind.METER_EVENT)
            assert user is not None
            # Since it was queued, a link may have been paid, by a bank debit too, or an invoice made by hand.
            cents = min(message.value, uninvoiced_cents(work, user))
        # Stripe adds usage up some time after it took it; a period that ends before would leave it out.
        counting = bool(message.extra.get("subscription")) and self._now_ms() < metered_ms + self._meter_lag_ms
        if others or cents <= 0 or counting or self._is_paying(links):
            with self._store.write() as work:
                if cents > 0:
                    words = "Waits for usage or a payment on its way."
                    work.outbox.postpone(message, words, self._now_ms() + FIRST_PAUSE_MS)
                else:
                    work.outbox.replaced(message.id, "Paid before the invoice was made.", self._now_ms())
                work.commit()
            return False
        gateway, subscription = self._stripe.gateway(), message.extra.get("subscription")
        if subscription:
            gateway.invoice_usage_now(subscription, message.key)
        else:
            words = message.extra.get("description", "")
            gateway.make_invoice(message.stripe_customer_id, cents, words, message.key, self._days_until_due)
        return True

    def _is_paying(self, links: Sequence[CheckoutLink]) -> bool:
        """Whether somebody paid a link and we have not heard of it yet."""
        gateway = self._stripe.gateway()
        return any(gateway.retrieve_checkout(link.session_id).status == "complete" for link in links if link.session_id)

    def _close_link(self, message: Message) -> bool:
        """A link that was paid or expired in the meantime tells so by its own event."""
        try:
            self._stripe.gateway().expire_checkout(message.extra["session"])
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
        return True
