"""Customers, subscriptions and invoices: whether both sides know the same ones, and as the same."""

from typing import Any

from bioql_console.domain.cash import CustomerRow, InvoiceRow, UserRow
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.imports import IMPORTED
from bioql_console.domain.meter import EVENT_NAME, PRICE_LOOKUP_KEY, UNIT_AMOUNT_CENTS, Check, check_meter, check_price
from bioql_console.domain.reconciliation import Difference, utc_day
from bioql_console.services.reconciliation.reading import invoice_row
from bioql_console.services.reconciliation.run import Run, in_quarantine, waiting
from bioql_console.services.stripe_types import Content, id_of

ENDED = frozenset(("canceled", "incomplete_expired"))


def check_people(run: Run) -> None:
    """Customers, subscriptions, and whether meter and price are as they should be."""
    run.watch.begin("Comparing customers")
    for customer, owner in run.scratch.strays():
        if not run.fresh(customer.created_ms):
            run.findings.add(_stray(customer, owner))
    for user in run.scratch.without_customer():
        if found := _without_customer(run, user):
            run.findings.add(found)
    run.watch.begin("Comparing subscriptions")
    _compare_subscriptions(run)


def _stray(customer: CustomerRow, owner: UserRow | None) -> Difference:
    made = "This console made it" if customer.reference else "It has the address of this user"
    if owner is None:
        kind, words = Kind.CUSTOMER_UNLINKED, f"{made}, and no user here has its address {customer.email or '(none)'}."
    elif not owner.customer:
        kind, words = Kind.CUSTOMER_UNLINKED, f"{made}, and {owner.name} has no customer here."
    else:
        kind, words = Kind.CUSTOMER_DUPLICATE, f"{made}, but {owner.name} is customer {owner.customer}."
    return Difference(
        kind,
        customer.id,
        utc_day(customer.created_ms),
        words,
        customer.created_ms,
        stripe_cents=customer.balance_cents or None,
        user_id=owner.user_id if owner else None,
        user_name=owner.name if owner else "",
        customer=customer.id,
        repairable=owner is not None and (kind is Kind.CUSTOMER_UNLINKED or _may_go(customer)),
    )


def _may_go(customer: CustomerRow) -> bool:
    """Whether it may be deleted from here; what another program made is never touched."""
    return bool(customer.reference) and not customer.balance_cents


def _without_customer(run: Run, user: UserRow) -> Difference | None:
    if not user.customer:
        kind, words = Kind.CUSTOMER_MISSING, "The user was registered without Stripe, or Stripe refused."
    elif (found := run.gateway.customer(user.customer)) is None:
        kind, words = Kind.CUSTOMER_UNKNOWN, "The customer belongs to another Stripe account, or was never made."
    elif found.get("deleted"):
        kind, words = Kind.CUSTOMER_DELETED, "Somebody deleted it at Stripe; its subscription ended with it."
    else:
        return None  # it was made while the list was read
    return Difference(
        kind,
        user.customer or f"user {user.user_id}",
        utc_day(run.now_ms),
        words,
        run.now_ms,
        ledger_cents=user.owed_cents or None,
        user_id=user.user_id,
        user_name=user.name,
        customer=user.customer,
    )


# --- subscriptions


def _compare_subscriptions(run: Run) -> None:
    meter, price = run.gateway.find_meter(EVENT_NAME), run.gateway.find_price(PRICE_LOOKUP_KEY)
    wrong = [check for check in (*check_meter(meter), *check_price(price, meter)) if not check.agrees]
    metered: dict[str, list[Content]] = {}
    seen: set[str] = set()
    for page in run.gateway.subscription_pages():
        for one in page:
            seen.add(str(one["id"]))
            if _prices(one):
                metered.setdefault(id_of(one.get("customer")), []).append(one)
    run.counts["subscriptions"] = len(seen)
    if wrong and (metered or price or meter):
        run.findings.add(_setup(run, wrong))
    for customer, found in metered.items():
        user = run.scratch.user_of(customer)
        if user is not None:
            for one in found:
                _compare_subscription(run, user, one, meter.id if meter else "", price.id if price else "")
    for user in run.scratch.subscribed():
        if user.subscription not in seen:
            _ended(run, user)


def _prices(subscription: Content) -> list[Content]:
    """The metered prices that a subscription bills."""
    items: Any = (subscription.get("items") or {}).get("data") or []
    prices = [item.get("price") or {} for item in items if isinstance(item, dict)]
    return [price for price in prices if (price.get("recurring") or {}).get("usage_type") == "metered"]


def _compare_subscription(run: Run, user: UserRow, one: Content, meter: str, price: str) -> None:
    subscription, at_ms = str(one["id"]), int(one.get("created") or 0) * 1000
    if not user.subscription and not waiting(run, at_ms, subscription):
        words = "Stripe bills this user's usage, and the event never reached these books."
        words += in_quarantine(run, subscription)
        run.findings.add(_about(Kind.SUBSCRIPTION_MISSED, subscription, user, words, at_ms))
    elif user.subscription and user.subscription != subscription:
        words = f"{user.name} has subscription {user.subscription} already."
        run.findings.add(_about(Kind.SUBSCRIPTION_SECOND, subscription, user, words, at_ms))
    for billed in _prices(one):
        cent = billed.get("unit_amount") == UNIT_AMOUNT_CENTS and billed.get("currency") == "usd"
        if billed.get("id") != price and not (cent and (billed.get("recurring") or {}).get("meter") == meter):
            words = f"It bills price {billed.get('id')}, not {price or 'a price of ours'}."
            run.findings.add(_about(Kind.SUBSCRIPTION_PRICE, subscription, user, words, at_ms))


def _ended(run: Run, user: UserRow) -> None:
    found = run.gateway.subscription(user.subscription)
    if found is not None and found.get("status") not in ENDED:
        return
    at_ms = int((found or {}).get("ended_at") or (found or {}).get("canceled_at") or 0) * 1000 or run.now_ms
    if found is not None and waiting(run, at_ms, user.subscription):
        return
    words = "It was cancelled at Stripe, and the event never reached these books."
    if found is None:
        words = "This Stripe account does not have it."
    run.findings.add(
        _about(Kind.SUBSCRIPTION_ENDED, user.subscription, user, words, at_ms, repairable=found is not None)
    )


def _about(
    kind: Kind, subscription: str, user: UserRow, words: str, at_ms: int, *, repairable: bool = True
) -> Difference:
    return Difference(
        kind,
        subscription,
        utc_day(at_ms),
        words,
        at_ms,
        user_id=user.user_id,
        user_name=user.name,
        customer=user.customer,
        repairable=repairable,
    )


def _setup(run: Run, wrong: list[Check]) -> Difference:
    words = "; ".join(f"{check.what} is {check.actual or 'missing'}, not {check.expected}" for check in wrong)
    return Difference(Kind.PRICE_DIFFERS, PRICE_LOOKUP_KEY, utc_day(run.now_ms), f"{words}.", run.now_ms)


# --- invoices


def check_invoices(run: Run) -> None:
    """Invoices that one side lacks, or that stand otherwise on the other; each is fetched again first."""
    run.watch.begin("Comparing invoices")
    for stripes, ours in run.scratch.invoices_that_differ():
        some = stripes or ours
        assert some is not None
        user = run.scratch.user_of(some.customer)
        if stripes is not None and user is None:
            continue  # another product's
        if found := _invoice(run, some.id, user):
            run.findings.add(found)


def _invoice(run: Run, invoice: str, user: UserRow | None) -> Difference | None:
    content = run.gateway.invoice(invoice)
    stripes = run.gateway.read(invoice_row, content) if content else None
    with run.store.read() as work:
        known = work.invoices.get(invoice)
    if known is not None and known.reason == IMPORTED:
        return None
    ours = (known.state.value, known.total_cents, known.due_cents, known.paid_cents) if known else None
    theirs = (stripes.state, stripes.total_cents, stripes.due_cents, stripes.paid_cents) if stripes else None
    if ours == theirs:
        return None
    at_ms = _changed_ms(content) if content else known.created_ms if known else run.now_ms
    if waiting(run, at_ms, invoice):
        return None
    if user is None and known is not None:
        user = run.scratch.user(known.user_id)
    kind, words, sides = _why(stripes, ours)
    return Difference(
        kind,
        invoice,
        utc_day(stripes.created_ms if stripes else at_ms),
        f"{words}{in_quarantine(run, invoice)}",
        at_ms,
        *sides,
        user_id=user.user_id if user else None,
        user_name=user.name if user else "",
        customer=user.customer if user else "",
    )


def _why(
    stripes: InvoiceRow | None, ours: tuple[str, int, int, int] | None
) -> tuple[Kind, str, tuple[int | None, int | None]]:
    if stripes is None:
        assert ours is not None
        words = f"Stripe does not have it; here it is {ours[0]}."
        return Kind.INVOICE_UNKNOWN, words, (ours[2], None)
    if ours is None:
        by_hand = "It was made by hand at Stripe, and its event" if stripes.by_hand else "Its event"
        return Kind.INVOICE_MISSED, f"{by_hand} never reached these books.", (None, stripes.due_cents)
    theirs = (stripes.state, stripes.total_cents, stripes.due_cents, stripes.paid_cents)
    names = ("state", "total", "amount asked for", "amount paid")
    differ = [name for name, one, other in zip(names, ours, theirs, strict=True) if one != other]
    words = f"Here it is {ours[0]}, at Stripe {stripes.state}: {' and '.join(differ)} differ{'s' * (len(differ) == 1)}."
    side = next((number for number in (3, 2, 1) if ours[number] != theirs[number]), 2)
    return Kind.INVOICE_DIFFERS, words, (int(ours[side]), int(theirs[side]))


def _changed_ms(invoice: Content) -> int:
    """When it last went from one state to another."""
    moments = [at for at in (invoice.get("status_transitions") or {}).values() if type(at) is int]
    return max([int(invoice["created"]), *moments]) * 1000
