"""What Stripe's events about subscriptions mean: who invoices a user's usage."""

from typing import Any

from bioql_console.domain.invoices import Threshold
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState, Outcome, ReceivedEvent
from bioql_console.services.event_content import Decision, applied, cents_of, part_of, text_of
from bioql_console.services.ports import Work
from bioql_console.services.settlement import begin_subscription

ENDED = ("canceled", "incomplete_expired")
END = "customer.subscription.deleted"


def _subscription(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """A subscription was made, changed or ended, here or by hand at Stripe."""
    subscription = text_of(content, "id")
    user = work.users.by_customer(text_of(content, "customer"))
    if user is None:
        return Outcome(EventState.IGNORED, "The customer is none of our users.", subscription)
    if text_of(content, "status") in ENDED or event.type == END:
        return _ended(user, subscription, work)
    if user.stripe_subscription_id not in (None, subscription):
        return Outcome(EventState.IGNORED, "The user has another subscription.", subscription, user.id)
    if user.stripe_subscription_id is None and not _meters_usage(content):
        return Outcome(EventState.IGNORED, "It is not for metered usage.", subscription, user.id)
    # Its end may have been heard of before its beginning.
    if user.stripe_subscription_id is None and work.inbox.heard(END, subscription):
        return Outcome(EventState.IGNORED, "It has ended since.", subscription, user.id)
    if user.stripe_subscription_id is None:
        begin_subscription(work, user, subscription, _started_ms(event, content))
        work.users.set_customer(user.id, user.stripe_customer_id or "", subscription)
    by = Threshold.STRIPE if content.get("billing_thresholds") else Threshold.CONSOLE
    if user.threshold_by is not by:
        work.users.set_threshold(user.id, by)
    return applied("Stripe invoices this user's usage.", subscription, user.id)


def _started_ms(event: ReceivedEvent, content: dict[str, Any]) -> int:
    return cents_of(content, "created") * 1000 or event.created_ms


def _meters_usage(content: dict[str, Any]) -> bool:
    items = part_of(content, "items").get("data")
    prices = [part_of(item, "price") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return any(part_of(price, "recurring").get("usage_type") == "metered" for price in prices)


def _ended(user: User, subscription: str, work: Work) -> Outcome:
    if user.stripe_subscription_id == subscription:
        work.users.set_customer(user.id, user.stripe_customer_id or "", None)
        work.users.set_threshold(user.id, None)
    return applied("Stripe invoices no more usage by it; links collect what is owed.", subscription, user.id)


DECISIONS: dict[str, Decision] = {
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    END: _subscription,
}
