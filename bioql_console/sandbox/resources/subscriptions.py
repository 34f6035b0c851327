"""`/v1/subscriptions`: metered prices, billed by the period or when a threshold is reached."""

from typing import Any

from ..errors import Json, StripeError, missing_param
from ..ids import new_id
from ..params import EXPAND, PAGE, Text, merged_metadata
from ..registry import Resource, Route, retrieve
from ..work import Work
from . import invoice_making, metered_usage
from .periods import period_at
from .subscription_params import CANCEL, CREATE, LIST, UPDATE, collection, payment_method, thresholds

PERIOD, THRESHOLD = "subscription_period_ends", "subscription_threshold"
LAST_DAY_S = 86_400
# Stripe looks at thresholds a little after the usage came in.
LOOKS_AFTER_S = 1
SHOWN = ("active", "past_due", "unpaid")


def _template() -> Json:
    nothing = (
        *("application", "application_fee_percent", "billing_cycle_anchor_config", "billing_thresholds", "cancel_at"),
        *("customer_account", "managed_payments"),
        *("canceled_at", "cancellation_details", "days_until_due", "default_payment_method", "default_source"),
        *("description", "ended_at", "latest_invoice", "next_pending_invoice_item_invoice", "on_behalf_of"),
        *("pause_collection", "pending_invoice_item_interval", "pending_setup_intent", "pending_update", "schedule"),
        *("test_clock", "transfer_data", "trial_end", "trial_settings", "trial_start"),
    )
    return dict.fromkeys(nothing) | {
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_mode": {"type": "classic"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "collection_method": "charge_automatically",
        "currency": "usd",
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "metadata": {},
        "payment_settings": {"payment_method_options": None, "payment_method_types": None},
        "status": "active",
    }


def _create(work: Work) -> Json:
    given = work.params
    customer = work.require("customer", given["customer"], "customer")
    if not given.get("items"):
        raise missing_param("items")
    made = work.new("subscription", "sub_", customer=customer["id"])
    made |= collection(given, made)
    if made["collection_method"] == "charge_automatically":
        _needs_method(work, given, customer)
    made |= {
        "billing_cycle_anchor": given.get("billing_cycle_anchor") or work.now,
        "billing_thresholds": thresholds(work, given.get("billing_thresholds")),
        "default_payment_method": payment_method(work, given, customer["id"]),
        "description": given.get("description"),
        "metadata": merged_metadata({}, given.get("metadata") or {}),
        "start_date": work.now,
    }
    made["items"] = {
        "object": "list",
        "data": [_item(work, made, wanted) for wanted in given["items"]],
        "has_more": False,
        "url": f"/v1/subscription_items?subscription={made['id']}",
    }
    made["_price"] = invoice_making.item_of(made)["price"]["id"]
    work.save(made, "customer.subscription.created")
    first = invoice_making.for_period(work, made, "subscription_create", work.now, upcoming=False)
    made = work.change(work.require("subscription", made["id"], "id"), None, latest_invoice=first["id"])
    _schedule_period(work, made)
    return made


def _needs_method(work: Work, given: Json, customer: Json) -> None:
    default = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    if not (default or given.get("default_payment_method")):
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method.",
            code="resource_missing",
        )


def _item(work: Work, subscription: Json, wanted: Json) -> Json:
    price = work.require("price", wanted["price"], "items[0][price]")
    if (price["recurring"] or {}).get("usage_type") != "metered":
        raise StripeError("The sandbox bills metered prices only.", param="items[0][price]")
    if not price["active"]:
        raise StripeError(f"The price specified is inactive: {price['id']}", param="items[0][price]")
    if "quantity" in wanted:
        raise StripeError("Quantity should not be specified for a metered price.", param="items[0][quantity]")
    start, end = period_at(subscription["billing_cycle_anchor"], price["recurring"], work.now)
    return {
        "id": new_id("si_"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": work.now,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": merged_metadata({}, wanted.get("metadata") or {}),
        "plan": _plan(price),
        "price": price,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _plan(price: Json) -> Json:
    """The price as the older API shows it."""
    same = ("active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")
    return {
        "id": price["id"],
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "tiers_mode": None,
        "transform_usage": None,
        **{name: price[name] for name in same},
        **{name: price["recurring"].get(name) for name in recurring},
    }


def _with_period(subscription: Json, start: int, end: int) -> Json:
    period = {"current_period_start": start, "current_period_end": end}
    listed: Json = subscription["items"]
    return listed | {"data": [item | period for item in listed["data"]]}


def _schedule_period(work: Work, subscription: Json) -> None:
    work.schedule(invoice_making.item_of(subscription)["current_period_end"], PERIOD, subscription["id"])


def _update(work: Work) -> Json:
    subscription = _running(work)
    given = work.params
    changed: Json = collection(given, subscription)
    changed |= {name: given[name] for name in ("description", "cancel_at_period_end") if name in given}
    if "billing_thresholds" in given:
        changed["billing_thresholds"] = thresholds(work, given["billing_thresholds"])
    if "default_payment_method" in given:
        changed["default_payment_method"] = payment_method(work, given, subscription["customer"])
    if "metadata" in given:
        changed["metadata"] = merged_metadata(subscription["metadata"], given["metadata"])
    subscription = work.change(subscription, "customer.subscription.updated", **changed)
    if (given.get("billing_cycle_anchor") or {}).get("type") == "now":
        subscription = _start_over(work, subscription)
    _look_soon(work, subscription)
    return subscription


def _start_over(work: Work, subscription: Json) -> Json:
    """End the period now: what was used so far is invoiced and collected at once."""
    invoice = invoice_making.for_period(work, subscription, "subscription_update", work.now + 1, upcoming=False)
    recurring = invoice_making.item_of(subscription)["price"]["recurring"]
    start, end = period_at(work.now, recurring, work.now)
    changed = work.change(
        work.require("subscription", subscription["id"], "id"),
        "customer.subscription.updated",
        billing_cycle_anchor=work.now,
        items=_with_period(subscription, start, end),
        latest_invoice=invoice["id"],
    )
    _schedule_period(work, changed)
    return changed


def _running(work: Work) -> Json:
    subscription = work.addressed("subscription", "subscription")
    if subscription["status"] == "canceled":
        raise StripeError(f"No such subscription: {subscription['id']}", status=404, code="resource_missing")
    return subscription


def _cancel(work: Work) -> Json:
    subscription = _running(work)
    if work.params.get("invoice_now"):
        invoice_making.for_period(work, subscription, "subscription_cycle", work.now + 1, upcoming=False)
        subscription = work.require("subscription", subscription["id"], "id")
    return end(work, subscription)


def end(work: Work, subscription: Json) -> Json:
    """It bills nothing any more."""
    for job in (PERIOD, THRESHOLD):
        work.store.cancel_job(job, subscription["id"])
    ended = {"canceled_at": work.now, "ended_at": work.now, "status": "canceled"}
    return work.change(subscription, "customer.subscription.deleted", **ended)


def period_ends(work: Work, subscription_id: str) -> None:
    """Job: invoice the period, and begin the next one."""
    subscription = work.find("subscription", subscription_id)
    if subscription is None or subscription["status"] == "canceled":
        return
    invoice = invoice_making.for_period(work, subscription, "subscription_cycle", work.now, upcoming=True)
    subscription = work.require("subscription", subscription_id, "id")
    if subscription["cancel_at_period_end"]:
        end(work, subscription)
        return
    recurring = invoice_making.item_of(subscription)["price"]["recurring"]
    start, finish = period_at(subscription["billing_cycle_anchor"], recurring, work.now)
    changed = work.change(
        subscription,
        "customer.subscription.updated",
        items=_with_period(subscription, start, finish),
        latest_invoice=invoice["id"],
    )
    _schedule_period(work, changed)


def usage_came(work: Work, customer: str) -> None:
    """Look soon whether a threshold of this customer's is reached."""
    for subscription in work.store.select("subscription", equal={"customer": customer, "status": list(SHOWN)}):
        _look_soon(work, subscription)


def _look_soon(work: Work, subscription: Json) -> None:
    if subscription["billing_thresholds"]:
        work.schedule_once(work.now + LOOKS_AFTER_S, THRESHOLD, subscription["id"])


def look_at_threshold(work: Work, subscription_id: str) -> None:
    """Job: make an invoice when what was used since the last one reached the threshold."""
    subscription = work.find("subscription", subscription_id)
    if subscription is None or subscription["status"] == "canceled" or not subscription["billing_thresholds"]:
        return
    item = invoice_making.item_of(subscription)
    # In the last day of a period Stripe leaves it to the period's own invoice.
    if work.now > item["current_period_end"] - LAST_DAY_S:
        return
    _, amount = metered_usage.unbilled(work, item, subscription["customer"], work.now + 1)
    if amount < subscription["billing_thresholds"]["amount_gte"]:
        return
    invoice = invoice_making.for_period(work, subscription, "subscription_threshold", work.now + 1, upcoming=True)
    changed: Json = {"latest_invoice": invoice["id"]}
    if subscription["billing_thresholds"]["reset_billing_cycle_anchor"]:
        start, finish = period_at(work.now, item["price"]["recurring"], work.now)
        changed |= {"billing_cycle_anchor": work.now, "items": _with_period(subscription, start, finish)}
    subscription = work.require("subscription", subscription_id, "id")
    _schedule_period(work, work.change(subscription, "customer.subscription.updated", **changed))


def _list(work: Work) -> Json:
    equal: Json = {name: work.params[name] for name in ("customer", "collection_method") if work.params.get(name)}
    if work.params.get("price"):
        equal["_price"] = work.params["price"]
    status = work.params.get("status")
    if status != "all":
        equal["status"] = {"ended": "canceled", None: list(SHOWN)}.get(status, status)
    return work.page("subscription", equal=equal, created=work.params.get("created"))


def _items(work: Work) -> Json:
    subscription = work.require("subscription", work.params["subscription"], "subscription")
    return work.page_of("subscription_item", subscription["items"]["data"])


JOBS: dict[str, Any] = {PERIOD: period_ends, THRESHOLD: look_at_threshold}
SUBSCRIPTION = "/v1/subscriptions/{subscription}"
RESOURCE = Resource(
    "subscription",
    routes=(
        Route("POST", "/v1/subscriptions", _create, CREATE),
        Route("GET", "/v1/subscriptions", _list, LIST),
        Route("GET", SUBSCRIPTION, retrieve("subscription", "subscription")),
        Route("POST", SUBSCRIPTION, _update, UPDATE),
        Route("DELETE", SUBSCRIPTION, _cancel, CANCEL),
        Route("GET", "/v1/subscription_items", _items, PAGE | EXPAND | {"subscription": Text(required=True)}),
    ),
    template=_template,
    lookups=("customer", "collection_method", "status", "_price"),
    expand={
        "customer": "customer",
        "default_payment_method": "payment_method",
        "latest_invoice": "invoice",
    },
    jobs=JOBS,
)
