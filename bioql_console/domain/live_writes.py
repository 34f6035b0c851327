"""What may leave for Stripe in Live: the calls of one armed action, or those of a kind that runs by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl

from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars

# An id that is not known before the call is made, in a path.
ANY = "{}"
ARMED_MS = 60_000
# An action of many calls gets so much more for each further one.
MORE_FOR_EACH_CALL_MS = 5_000
_SUCCESSOR = re.compile(r"~[0-9]+$")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is about to leave.

    Args:
        key: Its idempotency key; empty when it has none.
        body: Form fields, as they go over the wire.
    """

    method: str
    path: str
    key: str = ""
    body: str = ""

    @property
    def reads(self) -> bool:
        return self.method.upper() == "GET"

    @property
    def identity(self) -> str:
        """The same for a repeat of this call: its key without the number of a successor, else its path."""
        return _SUCCESSOR.sub("", self.key) or self.path

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@dataclass(frozen=True, slots=True)
class Call:
    """A write that an action makes.

    Args:
        path: With `ANY` for an id that is not known yet.
        says: Form fields that must have these values, such as the amount. What the operator saw is what leaves.
        times: How many such calls there may be; a repeat of one under the same idempotency key is the same call.
    """

    method: str
    path: str
    says: Mapping[str, str] = field(default_factory=dict)
    times: int = 1

    def fits(self, outgoing: Outgoing) -> bool:
        if outgoing.method.upper() != self.method or not _same_path(self.path, outgoing.path):
            return False
        said: dict[str, list[str]] = {}
        for name, value in parse_qsl(outgoing.body, keep_blank_values=True):
            said.setdefault(name, []).append(value)
        return all(said.get(name) == [value] for name, value in self.says.items())

    def __str__(self) -> str:
        shown = f"{self.method} {self.path.replace(ANY, '…')}"
        return f"{shown} (up to {self.times} times)" if self.times > 1 else shown


@dataclass(frozen=True, slots=True)
class LivePlan:
    """One action in Live, as the operator sees it before it is armed.

    Args:
        title: What is done, e.g. "Refund Dr. Jane Smith".
        verb: What its button says, e.g. "Refund".
        subject: What it is done to, for the activity trail.
        rows: What will happen, for the operator.
        cents: The money that it is about; None when it is about none.
        changes: How many things change at Stripe; asked for when no money does.
    """

    title: str
    verb: str
    subject: str
    rows: tuple[tuple[str, str], ...]
    calls: tuple[Call, ...]
    cents: int | None = None
    changes: int = 1

    @property
    def amount(self) -> str:
        """What the operator types, besides the account's name; empty when that alone is enough."""
        if self.cents is not None:
            return plain_dollars(self.cents * MICROS_PER_CENT)
        return f"{self.changes:,}" if self.changes > 1 else ""

    @property
    def lasts_ms(self) -> int:
        calls = sum(call.times for call in self.calls)
        return ARMED_MS + MORE_FOR_EACH_CALL_MS * max(0, calls - 1)


class Standing(Enum):
    """What runs by itself, and may be armed until the console closes. The value is its name on the command line."""

    USAGE = "usage"
    MONEY = "money"
    CUSTOMERS = "customers"

    @property
    def title(self) -> str:
        return STANDING[self][0]

    @property
    def words(self) -> str:
        """What leaves while it is armed."""
        return STANDING[self][1]

    def covers(self, outgoing: Outgoing) -> bool:
        return any(call.fits(outgoing) for call in STANDING[self][2])


STANDING: dict[Standing, tuple[str, str, tuple[Call, ...]]] = {
    Standing.USAGE: (
        "Metering",
        "Usage goes to Stripe's meter as it is recorded; Stripe charges for it.",
        (Call("POST", "/v1/billing/meter_events"),),
    ),
    Standing.MONEY: (
        "Settlement",
        "Payments, credits and corrections are told to Stripe; invoices are made at the threshold.",
        (
            Call("POST", f"/v1/customers/{ANY}/balance_transactions"),
            Call("POST", "/v1/credit_notes"),
            Call("POST", "/v1/invoices"),
            Call("POST", "/v1/invoiceitems"),
            Call("POST", f"/v1/invoices/{ANY}/finalize"),
            Call("POST", f"/v1/subscriptions/{ANY}"),
            Call("POST", f"/v1/checkout/sessions/{ANY}/expire"),
            Call("POST", "/v1/billing/meter_event_adjustments"),
        ),
    ),
    Standing.CUSTOMERS: (
        "Customers' own",
        "Customers register with the BioQL server and open payment pages for what they owe.",
        (
            Call("POST", "/v1/customers"),
            Call("POST", f"/v1/customers/{ANY}"),
            Call("DELETE", f"/v1/customers/{ANY}"),
            Call("POST", f"/v1/payment_methods/{ANY}/attach"),
            Call("POST", "/v1/subscriptions"),
            Call("POST", "/v1/checkout/sessions"),
            Call("POST", f"/v1/checkout/sessions/{ANY}/expire"),
        ),
    ),
}


def _same_path(shape: str, path: str) -> bool:
    expected, found = shape.split("/"), path.split("/")
    return len(expected) == len(found) and all(
        bool(part) if each == ANY else each == part for each, part in zip(expected, found, strict=True)
    )
