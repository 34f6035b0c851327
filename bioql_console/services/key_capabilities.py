"""What an operator can do with a key, in their words, and the cure for what they can't."""

from dataclasses import dataclass
from enum import Enum

from bioql_console.services.key_permissions import Answer, KeyReach
from bioql_console.services.stripe_catalog import Access, KeyPermission, calls_of

# By what operators do: the methods of the gateway that it takes.
CAPABILITIES: dict[str, tuple[str, ...]] = {
    "Read the account": ("account",),
    "Register customers": ("find_customer", "create_customer", "attach_payment_method", "delete_customer"),
    "Make Checkout links": (
        "create_checkout",
        "expire_checkout",
        "find_checkout",
        "list_checkouts",
        "retrieve_checkout",
    ),
    "Report usage to the meter": ("send_meter_event", "cancel_usage"),
    "Set up meter and price": ("find_meter", "create_meter", "find_price", "find_product", "create_price"),
    "Repair meter and price": (
        "rename_meter",
        "deactivate_meter",
        "reactivate_meter",
        "change_product",
        "take_lookup_key",
        "set_price_active",
        "end_subscription",
    ),
    "Subscriptions and invoices": (
        "subscribe",
        "invoice_usage_now",
        "subscription",
        "make_invoice",
        "invoice",
        "credit_invoice",
    ),
    "Credit customers": ("credit_balance", "customer", "customer_exists"),
    "Refund": ("refund", "refunds_of", "charge", "payment"),
    "See and answer disputes": ("dispute", "dispute_pages", "answer_dispute", "close_dispute"),
    "Fetch missed events": (
        "list_events",
        "events_around",
        "retrieve_event",
        "list_thin_events",
        "retrieve_thin_event",
    ),
    "Reconcile": (
        "customer_pages",
        "charge_pages",
        "charges_of",
        "refund_pages",
        "subscription_pages",
        "invoice_pages",
        "invoice_payment_pages",
        "invoice_payments_of",
        "payments_of_invoice",
        "sessions_of",
        "balance_entries",
        "meter_total",
        "metered_by_day",
        "customer_is_used",
    ),
}


class Verdict(Enum):
    """Whether a key can do it."""

    WORKS = "works"
    LACKS = "lacks a permission"
    LOCKED = "not tried: LIVE is locked"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that operators do.

    Args:
        needs: Permissions, the strongest for each resource.
        lacking: Those of them that the key does not have.
    """

    title: str
    needs: tuple[KeyPermission, ...]
    lacking: tuple[KeyPermission, ...]
    verdict: Verdict

    @property
    def cure(self) -> str:
        """The one next step; empty when there is none to take."""
        if not self.lacking:
            return ""
        sets = " and ".join(f"{each.resource.value} to {each.access.value}" for each in self.lacking)
        return f"Set {sets} on Stripe's API keys page."


def capabilities(reach: KeyReach) -> list[Capability]:
    """What can and can't be done with a key of this reach."""
    return [_capability(title, methods, reach) for title, methods in CAPABILITIES.items()]


def _capability(title: str, methods: tuple[str, ...], reach: KeyReach) -> Capability:
    needs = _needs(methods)
    answers = {permission: reach.of(permission) for permission in needs}
    lacking = tuple(permission for permission, answer in answers.items() if answer is Answer.NO)
    verdict = Verdict.WORKS
    if lacking:
        verdict = Verdict.LACKS
    elif Answer.UNKNOWN in answers.values():
        verdict = Verdict.UNKNOWN
    elif Answer.LOCKED in answers.values():
        verdict = Verdict.LOCKED
    return Capability(title, needs, lacking, verdict)


def _needs(methods: tuple[str, ...]) -> tuple[KeyPermission, ...]:
    permissions = {call.permission for method in methods for call in calls_of(method)}
    weaker = {KeyPermission(each.resource, Access.READ) for each in permissions if each.access is Access.WRITE}
    return tuple(sorted(permissions - weaker, key=str))
