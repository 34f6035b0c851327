"""What one row of the catalogue of Stripe calls says."""

from dataclasses import dataclass
from enum import Enum

# What a key is made of when nothing in our books could repeat the call: stripe-python makes one up for its own retries.
NEW_EACH_TIME = "new for each call; the same for its retries"
NO_KEY = "none: "
READS_ONLY = "It reads only."


class Access(Enum):
    """How far a permission of a restricted key reaches. Write includes Read."""

    READ = "Read"
    WRITE = "Write"


class Resource(Enum):
    """A row of permissions on Stripe's API keys page.

    The value is its name there; `slug` is how Stripe's refusals name it, between "rak_" and "_read" or "_write".
    """

    slug: str

    ACCOUNTS = "Accounts", "accounts_kyc_basic"
    CHARGES = "Charges and Refunds", "charge"
    CHECKOUT = "Checkout Sessions", "checkout_session"
    CREDIT_NOTES = "Credit notes", "credit_note"
    CUSTOMERS = "Customers", "customer"
    DISPUTES = "Disputes", "dispute"
    EVENTS = "Events", "event"
    INVOICES = "Invoices", "invoice"
    METERS = "Meters", "billing_meter"
    METER_EVENTS = "Meter events", "billing_meter_event"
    METER_EVENT_ADJUSTMENTS = "Meter event adjustments", "billing_meter_event_adjustment"
    PAYMENT_INTENTS = "Payment Intents", "payment_intent"
    PAYMENT_METHODS = "Payment Methods", "payment_method"
    PRICES = "Prices", "plan"
    PRODUCTS = "Products", "product"
    SUBSCRIPTIONS = "Subscriptions", "subscription"
    WEBHOOKS = "Webhook Endpoints", "webhook"

    def __new__(cls, title: str, slug: str) -> "Resource":
        made = object.__new__(cls)
        made._value_ = title
        made.slug = slug
        return made


@dataclass(frozen=True, slots=True)
class KeyPermission:
    """What a restricted key must be allowed."""

    resource: Resource
    access: Access

    @property
    def scope(self) -> str:
        """How Stripe's refusal (403) names what is missing, e.g. "rak_customer_write"."""
        return f"rak_{self.resource.slug}_{self.access.value.lower()}"

    def __str__(self) -> str:
        return f"{self.resource.value}: {self.access.value}"


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One call that the gateway can send.

    Args:
        used_by: Methods of `StripeGateway` that send it, themselves or through others.
        method: "GET", "POST" or "DELETE".
        path: With names of ids in braces, e.g. "/v1/customers/{customer}".
        purpose: What it is for.
        key: What its idempotency key is made of: `NEW_EACH_TIME`, or begins with `NO_KEY` when none is sent.
        repeat: What makes a repeat harmless after Stripe forgot the key (24 hours).
        failure: What it means for the operator when it fails.
    """

    used_by: tuple[str, ...]
    method: str
    path: str
    permission: KeyPermission
    purpose: str
    key: str
    repeat: str
    failure: str

    @property
    def keyed(self) -> bool:
        """Whether it carries an idempotency key."""
        return not self.key.startswith(NO_KEY)

    @property
    def own_key(self) -> bool:
        """Whether asking again for the same thing sends the same key."""
        return self.keyed and self.key != NEW_EACH_TIME


def read(resource: Resource, path: str, *used_by: str, purpose: str, failure: str) -> StripeCall:
    """A row for a GET, which needs Read and can be repeated at will."""
    permission = KeyPermission(resource, Access.READ)
    return StripeCall(used_by, "GET", path, permission, purpose, f"{NO_KEY}GET", READS_ONLY, failure)


def write(
    resource: Resource,
    method: str,
    path: str,
    *used_by: str,
    purpose: str,
    key: str = NEW_EACH_TIME,
    repeat: str,
    failure: str,
) -> StripeCall:
    """A row for a POST or DELETE, which needs Write."""
    return StripeCall(used_by, method, path, KeyPermission(resource, Access.WRITE), purpose, key, repeat, failure)
