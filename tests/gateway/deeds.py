"""What the gateway does at Stripe that must happen once, each before a sandbox in which it may go wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME, PRICE_LOOKUP_KEY
from tests.gateway.lab import Lab
from tests.gateway.walks import ODD, metered, page, paid, person

SALT = "bioql-sandbox-1-1-abc"


@dataclass(frozen=True)
class Deed:
    """Something to be done once.

    Args:
        path: Where the request goes that does it; a regular expression.
        act: Does it, and may be done again. It looks first where our services do.
        count: How often it was done.
    """

    path: str
    act: Callable[[], Any]
    count: Callable[[], int]


def counting(lab: Lab, kind: str, **equal: object) -> Callable[[], int]:
    return lambda: len(lab.sandbox._store.select(kind, equal=equal))


def customer(lab: Lab) -> Deed:
    def act() -> None:
        if lab.call("find_customer", "ada@uni.example", "ref-ada") is None:
            person(lab, card=None)

    return Deed("/v1/customers$", act, counting(lab, "customer"))


def _card(lab: Lab, path: str) -> Deed:
    ada = person(lab, card=None)
    card = lab.gateway.ask(lab.gateway.v1.payment_methods.create, {"type": "card", "card": {"token": "tok_visa"}})

    def count() -> int:
        known = lab.gateway.ask(lab.gateway.v1.customers.retrieve, ada)
        attached = lab.sandbox._store.select("payment_method", equal={"customer": ada})
        return len(attached) * (known["invoice_settings"]["default_payment_method"] == card["id"])

    return Deed(path, lambda: lab.call("attach_payment_method", ada, card["id"], "key-card"), count)


def attached_card(lab: Lab) -> Deed:
    return _card(lab, "/attach$")


def default_card(lab: Lab) -> Deed:
    return _card(lab, "/v1/customers/cus_[^/]*$")


def credit(lab: Lab) -> Deed:
    ada = person(lab, card=None)
    act = lambda: lab.call("credit_balance", ada, 700, "credit-1", ODD)  # noqa: E731
    return Deed("/balance_transactions$", act, counting(lab, "customer_balance_transaction"))


def link(lab: Lab) -> Deed:
    ada = person(lab, card=None)

    def act() -> None:
        if lab.call("find_checkout", ada, SALT) is None:
            page(lab, ada, reference=SALT)

    return Deed("/v1/checkout/sessions$", act, counting(lab, "checkout.session"))


def refund(lab: Lab) -> Deed:
    _, payment = paid(lab)
    act = lambda: lab.call("refund", payment, 100, "duplicate", "twice", "ana", "refund-1")  # noqa: E731
    return Deed("/v1/refunds$", act, counting(lab, "refund"))


def evidence(lab: Lab) -> Deed:
    _, payment = paid(lab)
    made = lab.control("disputes", payment_intent=payment)["id"]

    def count() -> int:
        found = lab.gateway.ask(lab.gateway.v1.disputes.retrieve, made)
        return int(found["evidence_details"]["submission_count"])

    act = lambda: lab.call("answer_dispute", made, ODD, f"evidence-{made}")  # noqa: E731
    return Deed("/v1/disputes/[^/]*$", act, count)


def acceptance(lab: Lab) -> Deed:
    _, payment = paid(lab)
    made = lab.control("disputes", payment_intent=payment)["id"]
    act = lambda: lab.call("close_dispute", made, f"accept-{made}")  # noqa: E731
    return Deed("/close$", act, lambda: [each["status"] for each in lab.sandbox._store.select("dispute")].count("lost"))


def subscription(lab: Lab) -> Deed:
    ada, (_, price) = person(lab), metered(lab)
    act = lambda: lab.call("subscribe", ada, price, 300_000, "sub-ada")  # noqa: E731
    return Deed("/v1/subscriptions$", act, counting(lab, "subscription"))


def plain_subscription(lab: Lab) -> Deed:
    lab.control("thresholds", offered=False)
    return subscription(lab)


def period_end(lab: Lab) -> Deed:
    ada, (_, price) = person(lab), metered(lab)
    made = lab.call("subscribe", ada, price, 300_000, "sub-ada")
    now = lab.now_ms()
    lab.call("send_meter_event", "use-1", EVENT_NAME, ada, 700, now, {})
    lab.advance(3_600)

    def count() -> int:
        found = lab.sandbox._store.select("invoice", equal={"customer": ada})
        return sum(each["total"] == 700 for each in found)

    return Deed("/v1/subscriptions/sub_[^/]*$", lambda: lab.call("invoice_usage_now", made.id, "now-1"), count)


def _invoice(lab: Lab, path: str) -> Deed:
    ada = person(lab, card=None)

    def count() -> int:
        found = lab.sandbox._store.select("invoice", equal={"customer": ada})
        return len(found) if all((each["status"], each["total"]) == ("open", 9_000) for each in found) else -1

    return Deed(path, lambda: lab.call("make_invoice", ada, 9_000, ODD, "invoice-1", 30), count)


def invoice(lab: Lab) -> Deed:
    return _invoice(lab, "/v1/invoices$")


def invoice_line(lab: Lab) -> Deed:
    return _invoice(lab, "/v1/invoiceitems$")


def opened_invoice(lab: Lab) -> Deed:
    return _invoice(lab, "/finalize$")


def credit_note(lab: Lab) -> Deed:
    made = lab.call("make_invoice", person(lab, card=None), 9_000, ODD, "invoice-1", 30)
    act = lambda: lab.call("credit_invoice", made, 1_000, "note-1", ODD)  # noqa: E731
    return Deed("/v1/credit_notes$", act, counting(lab, "credit_note"))


def meter(lab: Lab) -> Deed:
    act = lambda: lab.call("find_meter", EVENT_NAME) or lab.call("create_meter")  # noqa: E731
    return Deed("/v1/billing/meters$", act, counting(lab, "billing.meter"))


def _price(lab: Lab, path: str, kind: str) -> Deed:
    made = lab.call("create_meter").id
    act = lambda: lab.call("find_price", PRICE_LOOKUP_KEY) or lab.call("create_price", made)  # noqa: E731
    return Deed(path, act, counting(lab, kind))


def product(lab: Lab) -> Deed:
    return _price(lab, "/v1/products$", "product")


def price(lab: Lab) -> Deed:
    return _price(lab, "/v1/prices$", "price")


def usage(lab: Lab) -> Deed:
    ada, tries = person(lab), iter(range(99))
    metered(lab)

    def act() -> None:
        now = lab.now_ms()
        with suppress_known():
            lab.call("send_meter_event", "use-1", EVENT_NAME, ada, 35, now, {}, attempt=next(tries))

    def count() -> int:
        return int(lab.sandbox._store.db.execute("SELECT count(*) FROM meter_events").fetchone()[0])

    return Deed("/v1/billing/meter_events$", act, count)


@contextmanager
def suppress_known() -> Iterator[None]:
    """Refused because Stripe has it: the caller knows that it is its own."""
    try:
        yield
    except OperatorError as error:
        if error.code != "meter.known":
            raise


DEEDS: tuple[Callable[[Lab], Deed], ...] = (
    *(customer, attached_card, default_card, credit, link, refund, subscription, plain_subscription, period_end),
    *(invoice, invoice_line, opened_invoice, credit_note, meter, product, price),
)
# After a day our books tell whether it was done; Stripe does not.
WITHIN_A_DAY: tuple[Callable[[Lab], Deed], ...] = (usage, evidence, acceptance)
