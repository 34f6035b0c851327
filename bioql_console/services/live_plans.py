"""What each action sends to Stripe: what the operator sees, and what the lock lets out, once it is armed in Live.

A plan without calls needs no arming: nothing would leave, and the action itself says why.
"""

from collections.abc import Iterable
from dataclasses import replace

from bioql_console.domain.checkout import AmountRefused, CheckoutLink, chargeable_cents
from bioql_console.domain.live_writes import ANY, Call, LivePlan
from bioql_console.domain.meter import (
    CUSTOMER_KEY,
    EVENT_NAME,
    METER_NAME,
    PRICE_LOOKUP_KEY,
    PRODUCT_NAME,
    UNIT_AMOUNT_CENTS,
    VALUE_KEY,
)
from bioql_console.domain.meter_repair import Step, StepKind, Stray
from bioql_console.domain.money import MICROS_PER_CENT, USD, plain_dollars
from bioql_console.domain.refunds import MoneyBack, Refundable
from bioql_console.domain.users import User
from bioql_console.services.meter_setup import MeterReport
from bioql_console.services.odd_payments import OddPayment
from bioql_console.services.ports import Work

CUSTOMERS = "/v1/customers"
SESSIONS = "/v1/checkout/sessions"
# A successor is asked for when what an earlier answer told of was changed since; the first answer made nothing then.
SUCCESSORS = 5
# What a meter and a price that the console makes say, as it goes over the wire.
OUR_METER = {
    "display_name": METER_NAME,
    "event_name": EVENT_NAME,
    "default_aggregation[formula]": "sum",
    "customer_mapping[type]": "by_id",
    "customer_mapping[event_payload_key]": CUSTOMER_KEY,
    "value_settings[event_payload_key]": VALUE_KEY,
}
OUR_PRICE = {
    "currency": USD,
    "unit_amount": str(UNIT_AMOUNT_CENTS),
    "lookup_key": PRICE_LOOKUP_KEY,
    "recurring[interval]": "month",
    "recurring[usage_type]": "metered",
}


def nothing(title: str) -> LivePlan:
    """Of an action that sends nothing."""
    return LivePlan(title, title, "", (), (), changes=0)


def register_plan(name: str, email: str) -> LivePlan:
    return LivePlan(
        f"Register {name}",
        "Register",
        email,
        (("Name", name), ("E-mail", email), ("At Stripe", "a new customer, or the one that this address has")),
        (making_customer(email),),
    )


def customer_plan(user: User) -> LivePlan:
    plan = register_plan(user.name, user.email)
    return replace(plan, title=f"Stripe customer for {user.name}", verb="Create customer", subject=f"user {user.id}")


def making_customer(email: str) -> Call:
    return Call("POST", CUSTOMERS, {"email": email}, times=2)


def links_plan(work: Work, asked: Iterable[tuple[int, int | None]]) -> LivePlan:
    """Links for users, each over everything or a part in micros. Whoever can't pay is left out: the action says why."""
    sums, calls, names = 0, [], []
    closes = 0
    for user_id, asked_micros in asked:
        user = work.users.get(user_id)
        cents = _chargeable(work, user, asked_micros) if user is not None else 0
        if user is None or not user.stripe_customer_id or not cents:
            continue
        says = {"customer": user.stripe_customer_id, "line_items[0][price_data][unit_amount]": str(cents)}
        calls.append(Call("POST", SESSIONS, says))
        # Its own page as well, should another console be faster.
        closes += len(work.checkouts.unfinished(user_id)) + 1
        sums += cents
        names.append((user.name, cents, user.id))
    if not names:
        return nothing("Checkout links")
    closing = Call("POST", f"{SESSIONS}/{ANY}/expire", times=closes)
    rows = [("Amount" if len(names) == 1 else "Sum", _dollars(sums))]
    if len(names) == 1:
        title, subject = f"Checkout link for {names[0][0]}", f"user {names[0][2]}"
        rows.insert(0, ("Customer", names[0][0]))
    else:
        title, subject = f"{len(names):,} Checkout links", f"{len(names):,} users"
        rows.insert(0, ("Links", f"{len(names):,}"))
    if closes > len(names):
        rows.append(("Closed first", "an earlier open link of the same customer"))
    return LivePlan(
        title, "Make link" if len(names) == 1 else "Make links", subject, tuple(rows), (*calls, closing), sums
    )


def _chargeable(work: Work, user: User, asked_micros: int | None) -> int:
    try:
        return chargeable_cents(user.balance, asked_micros, work.checkouts.processing_cents(user.id))
    except AmountRefused:
        return 0


def expire_plan(link: CheckoutLink) -> LivePlan:
    return LivePlan(
        f"Close the link of {link.user_name}",
        "Close link",
        f"user {link.user_id}",
        (("Customer", link.user_name), ("Amount", _dollars(link.amount_cents)), ("Page", link.session_id or "—")),
        (Call("POST", f"{SESSIONS}/{link.session_id or ANY}/expire"),),
        link.amount_cents,
    )


def refund_plan(seen: Refundable, cents: int) -> LivePlan:
    return LivePlan(
        f"Refund {seen.user.name}",
        "Refund",
        f"user {seen.user.id}",
        (("Customer", seen.user.name), ("Payment", seen.payment_intent), ("Goes back", _dollars(cents))),
        (refunding(seen.payment_intent, cents),),
        cents,
    )


def refunding(payment_intent: str, amount: int) -> Call:
    return Call("POST", "/v1/refunds", {"payment_intent": payment_intent, "amount": str(amount)})


def give_back_plan(odd: OddPayment) -> LivePlan:
    return LivePlan(
        "Give a payment back",
        "Give it back",
        f"user {odd.user.id}" if odd.user else odd.payment_intent,
        (
            ("Customer", odd.user.name if odd.user else "unknown"),
            ("Payment", odd.payment_intent),
            ("Goes back", odd.paid),
        ),
        (refunding(odd.payment_intent, odd.amount),),
        odd.amount if odd.currency == USD else None,
        # Other currencies have other units; they are typed as Stripe counts them.
        changes=odd.amount,
    )


def accept_dispute_plan(dispute: MoneyBack) -> LivePlan:
    return _dispute("Accept the dispute", "Accept dispute", "The bank keeps", dispute, "/close")


def answer_dispute_plan(dispute: MoneyBack) -> LivePlan:
    return _dispute("Answer the dispute", "Submit to the bank", "Contested", dispute, "")


def _dispute(title: str, verb: str, what: str, dispute: MoneyBack, way: str) -> LivePlan:
    return LivePlan(
        f"{title} of {dispute.user_name}",
        verb,
        f"user {dispute.user_id}",
        (("Customer", dispute.user_name), ("Payment", dispute.payment_intent), (what, _dollars(dispute.cents))),
        (Call("POST", f"/v1/disputes/{dispute.id}{way}"),),
        dispute.cents,
    )


def meter_plan(report: MeterReport, rows: Iterable[tuple[str, str]]) -> LivePlan:
    """The steps as the page tells them. What moves in money is typed, else how many steps there are."""
    moving = {step.subject for step in report.steps if step.kind is StepKind.MOVE_SUBSCRIPTION}
    strays = [stray for stray in report.strays if stray.subscription in moving]
    calls = [call for step in report.steps for call in _calls_of(step, report)]
    calls += [call for stray in strays for call in _moving(stray, report.kept)]
    cents = sum(max(0, stray.uninvoiced_cents) for stray in strays)
    title, verb = ("Create meter and price", "Create") if report.creates_only else ("Repair meter and price", "Repair")
    return LivePlan(title, verb, "meter", tuple(rows), tuple(calls), cents or None, changes=len(report.steps))


def _calls_of(step: Step, report: MeterReport) -> list[Call]:
    """Each with what it sets: the name, the amount, on or off."""
    meters, prices, products = "/v1/billing/meters", "/v1/prices", "/v1/products"
    subject = step.subject or ANY
    match step.kind:
        case StepKind.MAKE_METER:
            return [Call("POST", meters, OUR_METER, times=SUCCESSORS)]
        case StepKind.MAKE_PRICE:
            made = OUR_PRICE | ({"recurring[meter]": report.target} if report.target else {})
            made |= {"transfer_lookup_key": "true"} if step.subject else {}
            product = Call("POST", products, {"name": PRODUCT_NAME}, times=SUCCESSORS)
            return [product, Call("POST", prices, made, times=SUCCESSORS)]
        case StepKind.ARCHIVE_METER:
            return [Call("POST", f"{meters}/{subject}/deactivate")]
        case StepKind.REACTIVATE_METER:
            return [Call("POST", f"{meters}/{subject}/reactivate")]
        case StepKind.RENAME_METER:
            return [Call("POST", f"{meters}/{subject}", {"display_name": METER_NAME})]
        case StepKind.RENAME_PRODUCT:
            return [Call("POST", f"{products}/{subject}", {"name": PRODUCT_NAME})]
        case StepKind.REACTIVATE_PRODUCT:
            return [Call("POST", f"{products}/{subject}", {"active": "true"})]
        case StepKind.TAKE_LOOKUP_KEY:
            taken = {"lookup_key": PRICE_LOOKUP_KEY, "transfer_lookup_key": "true"}
            return [Call("POST", f"{prices}/{subject}", taken)]
        case StepKind.REACTIVATE_PRICE | StepKind.ARCHIVE_PRICE:
            active = "true" if step.kind is StepKind.REACTIVATE_PRICE else "false"
            return [Call("POST", f"{prices}/{subject}", {"active": active})]
    return []


def _moving(stray: Stray, price: str) -> list[Call]:
    """A subscription by the right price, and the end of the one that it replaces."""
    says = {"customer": stray.customer} | ({"items[0][price]": price} if price else {})
    ending = dict.fromkeys((stray.subscription, stray.in_books))
    # Once with Stripe's invoice threshold, and once without where the account may not use it.
    made = Call("POST", "/v1/subscriptions", says, times=2)
    return [made, *(Call("DELETE", f"/v1/subscriptions/{each}") for each in ending if each)]


def _dollars(cents: int) -> str:
    return plain_dollars(cents * MICROS_PER_CENT)
