"""Every way in which the gateway asks Stripe for something, walked once: each method in all its variants."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME, PRICE_LOOKUP_KEY, PRODUCT_NAME
from bioql_console.domain.reconciliation import END_OF_TIME_MS
from bioql_console.sandbox.messages import Request
from bioql_console.services.stripe_errors import CardRefused
from bioql_console.services.stripe_types import CheckoutRequest
from tests.gateway.lab import Lab

DAY_S = 86_400
ODD = "Añâ & Sons [Ltd] = 100% +1"


def person(lab: Lab, name: str = "ada", card: str | None = "pm_card_visa") -> str:
    customer: str = lab.call("create_customer", name, f"{name}@uni.example", f"ref-{name}", f"key-{name}")
    if card:
        lab.call("attach_payment_method", customer, card, f"key-{name}")
    return customer


def metered(lab: Lab) -> tuple[str, str]:
    """Meter and price."""
    meter = lab.call("create_meter")
    return meter.id, lab.call("create_price", meter.id).id


def page(lab: Lab, customer: str, cents: int = 5_000, reference: str = "bioql-sandbox-1-1-abc") -> Any:
    metadata = {"bioql_reference": reference, "bioql_user_id": "1"}
    back = ("http://127.0.0.1/ok?a=1&b=2", "http://127.0.0.1/no")
    return lab.call("create_checkout", CheckoutRequest(customer, cents, reference, *back, metadata))


def pay(lab: Lab, url: str, **more: str) -> str:
    """Pay on the page. The payment's id."""
    form = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "a@uni.example", **more}
    asked = Request("POST", urlsplit(url).path, "", {"host": "127.0.0.1"}, urlencode(form).encode())
    assert lab.sandbox.app._page.answer(asked).status < 400
    session = url.rpartition("/")[2].partition("?")[0]
    return str(lab.gateway.retrieve_checkout(session).payment_intent)


def paid(lab: Lab, cents: int = 5_000, reference: str = "bioql-sandbox-1-1-abc") -> tuple[str, str]:
    """A customer and a payment."""
    customer = person(lab, card=None)
    return customer, pay(lab, page(lab, customer, cents, reference).url)


# --- customers


def customers(lab: Lab) -> None:
    assert lab.call("find_customer", "ada@uni.example", "ref-ada") is None
    customer = person(lab)
    assert lab.call("find_customer", "ada@uni.example", "ref-ada") == customer
    assert lab.call("customer_exists", customer)
    assert not lab.call("customer_exists", "cus_nobody")
    lab.call("delete_customer", customer)
    assert not lab.call("customer_exists", customer)
    assert lab.call("customer", customer)["deleted"]
    # Stripe repeats its answer to the same key, so the gateway asks with another one.
    assert person(lab, card=None) != customer


def refused_cards(lab: Lab) -> None:
    customer = person(lab, card=None)
    lab.call("attach_payment_method", customer, "pm_card_visa_chargeDeclined", "key", fails=CardRefused)
    lab.call("create_customer", ODD, "odd+1@uni.example", "ref-odd", "key-odd")


def credit(lab: Lab) -> None:
    customer = person(lab)
    for cents in (700, 700, -300):
        lab.call("credit_balance", customer, cents, f"credit-{cents}", ODD)
    lab.call("credit_balance", customer, 50, "credit-late", "Late", since_ms=lab.now_ms() + 10 * DAY_S * 1000)
    assert len(lab.call("balance_entries", customer, 0)) == 3


def subscriptions(lab: Lab) -> None:
    customer, (_, price) = person(lab), metered(lab)
    for _ in range(2):
        made = lab.call("subscribe", customer, price, 300_000, "sub-ada")
    assert lab.call("subscription", made.id)["billing_thresholds"]
    assert lab.call("subscription", "sub_none") is None
    for _ in range(2):
        lab.call("invoice_usage_now", made.id, "now-1")
    lab.control("thresholds", offered=False)
    lab.call("subscribe", person(lab, "bo"), price, 300_000, "sub-bo")
    assert len(lab.call("subscription_pages")[0]) == 2


# --- payments


def pages(lab: Lab) -> None:
    customer = person(lab, card=None)
    made = page(lab, customer)
    lab.call("retrieve_checkout", made.id)
    assert lab.call("find_checkout", customer, made.reference).id == made.id
    assert lab.call("list_checkouts", customer)
    lab.call("expire_checkout", made.id)
    lab.call("expire_checkout", made.id, fails=OperatorError)


def refunds(lab: Lab) -> None:
    _, payment = paid(lab)
    for reason in ("requested_by_customer", "duplicate", "fraudulent"):
        made = lab.call("refund", payment, 100, reason, ODD * 30, "ana", f"refund-{reason}")
    assert lab.call("find_refund", payment, ODD * 30, "refund-fraudulent") == made
    for note, key in ((ODD * 30, "refund-never"), ("Another", "refund-fraudulent")):
        assert lab.call("find_refund", payment, note, key) is None
    assert len(lab.call("refunds_of", payment)) == 3
    assert lab.call("refunds_of", "pi_none") == []
    assert len(lab.call("refund_pages", 0, END_OF_TIME_MS)[0]) == 3


def disputes(lab: Lab) -> None:
    _, payment = paid(lab)
    made = lab.control("disputes", payment_intent=payment)["id"]
    assert lab.call("dispute", made)["charge"]["object"] == "charge"
    assert lab.call("dispute_pages", 0, END_OF_TIME_MS)[0]
    lab.call("answer_dispute", made, ODD, f"answer-{made}")
    _, other = paid(lab, reference="bioql-sandbox-2-1-def")
    accepted = lab.control("disputes", payment_intent=other)["id"]
    lab.call("close_dispute", accepted, f"accept-{accepted}")


# --- invoices


def invoices(lab: Lab) -> None:
    customer = person(lab, card=None)
    for _ in range(2):
        made = lab.call("make_invoice", customer, 9_000, ODD, "invoice-1", 30)
    assert lab.call("invoice", made)["status"] == "open"
    assert lab.call("invoice", "in_none") is None
    for _ in range(2):
        assert lab.call("credit_invoice", made, 1_000, "note-1", ODD)
    lab.gateway.ask(lab.gateway.v1.invoices.void_invoice, made)
    assert not lab.call("credit_invoice", made, 1_000, "note-2", "Paid")
    assert lab.call("invoice_pages", 0, END_OF_TIME_MS)[0]
    other = lab.call("make_invoice", customer, 2_000, "Usage", "invoice-2", 30)
    card = lab.gateway.ask(lab.gateway.v1.payment_methods.attach, "pm_card_visa", {"customer": customer})["id"]
    lab.gateway.ask(lab.gateway.v1.invoices.pay, other, {"payment_method": card})
    (payment,) = lab.call("payments_of_invoice", other)
    intent = payment["payment"]["payment_intent"]
    assert lab.call("invoice_payments_of", intent)
    assert lab.call("invoice_payment_pages", 0, lab.now_ms() + 1_000)[0]


# --- meter and usage


def meter_and_price(lab: Lab) -> None:
    assert lab.call("find_meter", EVENT_NAME) is None
    assert lab.call("find_price", PRICE_LOOKUP_KEY) is None
    assert lab.call("find_product", PRODUCT_NAME) is None
    metered(lab)
    assert lab.call("find_meter", EVENT_NAME).active
    assert lab.call("find_price", PRICE_LOOKUP_KEY).active
    assert lab.call("find_product", PRODUCT_NAME)


def repairs(lab: Lab) -> None:
    meter, price = metered(lab)
    assert [each.id for each in lab.call("meters_like", EVENT_NAME, "Shots")] == [meter]
    assert [each.id for each in lab.call("metered_prices", meter)] == [price]
    lab.call("rename_meter", meter, "Shots & more")
    for method in ("deactivate_meter", "deactivate_meter", "reactivate_meter", "reactivate_meter"):
        lab.call(method, meter)  # the second time it is so already
    newer = lab.call("create_price", meter, price)
    assert (newer.replaces, lab.call("find_price", PRICE_LOOKUP_KEY).id) == (price, newer.id)
    lab.call("set_price_active", price, active=False)
    assert not lab.call("price", price).active
    lab.call("take_lookup_key", price)
    lab.call("change_product", newer.product_id, name="Quantum")
    lab.call("change_product", newer.product_id, active=False)
    customer = person(lab)
    subscription = lab.call("subscribe", customer, newer.id, 300_000, "sub-ada").id
    assert list(lab.call("subscriptions_to", newer.id)) == [(customer, subscription)]
    for _ in range(2):
        lab.call("end_subscription", subscription)
    assert lab.call("invoices_of", customer) == []
    lab.call("deactivate_meter", meter)
    assert lab.call("create_meter").id != meter


def usage(lab: Lab) -> None:
    customer, (meter, _) = person(lab), metered(lab)
    now = lab.now_ms()
    lab.call("send_meter_event", "use-1", EVENT_NAME, customer, 35, now, {"shots": "100", "backend": "ionq_qpu"})
    lab.call("send_meter_event", "use-1", EVENT_NAME, customer, 35, now, {}, attempt=1, fails=OperatorError)
    lab.call("send_meter_event", "use-2", EVENT_NAME, customer, 7, now, {})
    lab.call("cancel_usage", "use-2")
    lab.advance(120)
    assert lab.call("meter_total", meter, customer, now - 60_000, now + 60_000) == 35
    day_ms = DAY_S * 1000
    start = now // day_ms * day_ms
    assert [each.id for each in lab.call("meters_of", EVENT_NAME)] == [meter]
    assert sum(lab.call("metered_by_day", meter, customer, start, start + day_ms).values()) == 35


# --- what is asked for reconciliation and by polling


def account_and_events(lab: Lab) -> None:
    lab.call("account")
    person(lab)
    first = lab.call("list_events")[0]
    lab.call("list_events", since_ms=lab.now_ms() - 1_000)
    lab.call("list_events", types=["customer.created", "payment_method.attached"])
    lab.call("retrieve_event", first.id)
    lab.call("events_around", ["customer.created"], 0, lab.now_ms() + 1_000)


def looking(lab: Lab) -> None:
    customer, payment = paid(lab)
    (charge,) = lab.call("charges_of", payment)
    assert lab.call("charge", charge["id"])["id"] == charge["id"]
    assert lab.call("charge", "ch_none") is None
    assert lab.call("payment", payment)["status"] == "succeeded"
    assert lab.call("sessions_of", payment)
    assert lab.call("charge_pages", 0, END_OF_TIME_MS)[0]
    assert lab.call("customer_pages")[0]
    assert lab.call("customer_is_used", customer)
    assert not lab.call("customer_is_used", person(lab, "nobody", card=None))
    assert lab.call("customer_is_used", person(lab, "carded"))


WALKS: tuple[Callable[[Lab], None], ...] = (
    *(customers, refused_cards, credit, subscriptions, pages, refunds, disputes, invoices),
    *(meter_and_price, repairs, usage, account_and_events, looking),
)
