"""Usage that a subscription bills: which meter events, and which invoice took them."""

from decimal import ROUND_HALF_UP, Decimal

from ..errors import Json
from ..work import Work


def unbilled(work: Work, item: Json, customer: str, until: int, invoice: str | None = None) -> tuple[Decimal, int]:
    """Units before `until` that no other invoice took, and what they cost in cents.

    Args:
        item: The subscription item; what was used before it began is never billed.
        invoice: A draft whose own units count as well.
    """
    meter = item["price"]["recurring"]["meter"]
    rows = work.store.db.execute(
        f"SELECT value FROM meter_events WHERE {_BILLABLE}", (meter, customer, item["created"], until, invoice)
    ).fetchall()
    units = sum((Decimal(value) for (value,) in rows), Decimal())
    return units, cents(units, item["price"])


def take(work: Work, item: Json, customer: str, until: int, invoice: str) -> None:
    """Mark what an invoice bills, so that no other one does."""
    meter = item["price"]["recurring"]["meter"]
    work.store.db.execute(
        f"UPDATE meter_events SET invoice = ? WHERE {_BILLABLE}",
        (invoice, meter, customer, item["created"], until, invoice),
    )


def cents(units: Decimal, price: Json) -> int:
    exact = max(units, Decimal()) * Decimal(price["unit_amount_decimal"])
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


_BILLABLE = "meter = ? AND customer = ? AND at >= ? AND at < ? AND cancelled = 0 AND (invoice IS NULL OR invoice = ?)"
