"""What the rest of the console sees of Stripe's objects, and how it is read from their content.

The readers take an object's content as plain dicts. They pass over what is missing but optional, and raise KeyError
for what must be there.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bioql_console.domain.invoices import Threshold
from bioql_console.domain.meter import Meter, MeteredPrice

Content = dict[str, Any]
# Metadata of a price that this console made in the place of another one.
REPLACES = "bioql_replaces"


@dataclass(frozen=True, slots=True)
class StripeAccount:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A payment of one amount by one customer. `metadata` goes to the session and to its payment."""

    customer: str
    amount_cents: int
    reference: str
    success_url: str
    cancel_url: str
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout session as Stripe has it.

    Args:
        url: Where to pay; empty unless it is open.
        status: "open", "complete" or "expired".
        payment_status: "paid", "unpaid" or "no_payment_required".
        amount_total: Cents.
        reference: Our own `CheckoutLink.reference`; empty when the session is not ours.
    """

    id: str
    url: str
    status: str
    payment_status: str
    payment_intent: str
    amount_total: int
    currency: str
    customer: str
    expires_ms: int
    reference: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class MeteredSubscription:
    """A subscription that bills a customer's usage.

    Args:
        threshold_by: Who makes an invoice when the threshold is reached.
        started_ms: What was used since then it bills.
    """

    id: str
    threshold_by: Threshold
    started_ms: int


@dataclass(frozen=True, slots=True)
class StandingInvoice:
    """An invoice as it stands at Stripe; `status` is Stripe's word."""

    id: str
    status: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event from Stripe's own list. `body` is its JSON, as a delivery would carry it."""

    id: str
    type: str
    created_ms: int
    livemode: bool
    api_version: str
    body: bytes


def account(found: Content) -> StripeAccount:
    name = (
        _part(_part(found, "settings"), "dashboard").get("display_name")
        or _part(found, "business_profile").get("name")
        or found.get("email")
        or "Stripe"
    )
    return StripeAccount(found["id"], str(name))


def checkout_session(found: Content) -> CheckoutSession:
    metadata = _part(found, "metadata")
    return CheckoutSession(
        id=found["id"],
        url=found.get("url") or "",
        status=found["status"] or "",
        payment_status=found["payment_status"] or "",
        payment_intent=id_of(found.get("payment_intent")),
        amount_total=found["amount_total"] or 0,
        currency=found.get("currency") or "",
        customer=id_of(found.get("customer")),
        expires_ms=found["expires_at"] * 1000,
        reference=metadata.get("bioql_reference") or "",
        metadata={str(key): str(value) for key, value in metadata.items()},
    )


def meter(found: Content) -> Meter:
    return Meter(
        id=found["id"],
        display_name=found.get("display_name") or "",
        event_name=found.get("event_name") or "",
        aggregation=_part(found, "default_aggregation").get("formula") or "",
        customer_key=_part(found, "customer_mapping").get("event_payload_key") or "",
        value_key=_part(found, "value_settings").get("event_payload_key") or "",
        active=found.get("status") == "active",
        archived_ms=_ms(_part(found, "status_transitions").get("deactivated_at")),
    )


def price(found: Content, product: Content) -> MeteredPrice:
    """A price, and the product it belongs to."""
    recurring = _part(found, "recurring")
    # The decimal form is the exact one: prices below a cent have no whole unit_amount.
    unit = found.get("unit_amount_decimal")
    return MeteredPrice(
        id=found["id"],
        product_name=product.get("name") or "",
        lookup_key=found.get("lookup_key") or "",
        currency=found.get("currency") or "",
        unit_amount=_plain(found.get("unit_amount") if unit is None else unit),
        usage_type=recurring.get("usage_type") or "",
        meter_id=recurring.get("meter") or "",
        active=bool(found.get("active")),
        product_id=id_of(found.get("product")),
        product_active=product.get("active") is not False,
        replaces=str(_part(found, "metadata").get(REPLACES) or ""),
    )


def _ms(seconds: Any) -> int | None:
    return seconds * 1000 if type(seconds) is int else None


def id_of(found: Any) -> str:
    """The id of something that may be expanded."""
    return str(found.get("id") or "") if isinstance(found, dict) else str(found or "")


def _plain(number: Any) -> str:
    """A decimal number without trailing zeros; empty when there is none."""
    return "" if number is None else format(Decimal(str(number)).normalize(), "f")


def _part(found: Content, name: str) -> Content:
    """A nested object; empty when it is missing or null."""
    part = found.get(name)
    return part if isinstance(part, dict) else {}
