"""`/v1/prices`: amounts never change once made; a new amount is a new price."""

from decimal import Decimal
from typing import Any

from ..errors import Json, StripeError, missing_param
from ..params import (
    CURRENCY,
    EXPAND,
    PAGE,
    Anything,
    Choice,
    Flag,
    Group,
    Integer,
    Many,
    Metadata,
    Number,
    Range,
    Table,
    Text,
    merged_metadata,
)
from ..registry import Resource, Route, retrieve
from ..work import Work
from . import products

LARGEST_AMOUNT = 99_999_999
INTERVAL = Choice(of=("day", "month", "week", "year"), required=True)
USAGE = Choice(of=("licensed", "metered"))
RECURRING: Table = {
    "interval": INTERVAL,
    "interval_count": Integer(least=1, most=1_095),
    "meter": Text(),
    "trial_period_days": Integer(least=0),
    "usage_type": USAGE,
}
PRODUCT_DATA: Table = {
    "active": Flag(),
    "id": Text(),
    "metadata": Metadata(),
    "name": Text(required=True),
    "statement_descriptor": Text(longest=22),
    "tax_code": Text(),
    "unit_label": Text(longest=12),
}
TAX = Choice(of=("exclusive", "inclusive", "unspecified"))
CREATE: Table = {
    "active": Flag(),
    "billing_scheme": Choice(of=("per_unit",)),
    "currency": CURRENCY,
    "lookup_key": Text(longest=200),
    "metadata": Metadata(),
    "nickname": Text(),
    "product": Text(),
    "product_data": Group(of=PRODUCT_DATA),
    "recurring": Group(of=RECURRING),
    "tax_behavior": TAX,
    "transfer_lookup_key": Flag(),
    "unit_amount": Integer(least=0, most=LARGEST_AMOUNT),
    "unit_amount_decimal": Number(),
    **EXPAND,
}
UPDATE: Table = {
    "active": Flag(),
    "currency_options": Anything(),
    "lookup_key": Text(longest=200),
    "metadata": Metadata(),
    "nickname": Text(),
    "tax_behavior": TAX,
    "transfer_lookup_key": Flag(),
    **EXPAND,
}
LIST: Table = PAGE | {
    "active": Flag(),
    "created": Range(),
    "currency": Text(),
    "lookup_keys": Many(most=10),
    "product": Text(),
    "recurring": Group(of={"interval": Choice(of=INTERVAL.of), "meter": Text(), "usage_type": USAGE}),
    "type": Choice(of=("one_time", "recurring")),
}


def _template() -> Json:
    nothing = ("custom_unit_amount", "lookup_key", "nickname", "recurring", "tiers_mode", "transform_quantity")
    return dict.fromkeys(nothing) | {
        "active": True,
        "billing_scheme": "per_unit",
        "metadata": {},
        "tax_behavior": "unspecified",
        "type": "one_time",
    }


def amounts(fields: Json, inside: str = "") -> Json:
    """`unit_amount` (None when it has fractions of a cent) and `unit_amount_decimal` of what was given.

    Raises:
        StripeError: neither or both were given, or the amount is negative.
    """
    name = f"{inside}[unit_amount]" if inside else "unit_amount"
    cents, exact = fields.get("unit_amount"), fields.get("unit_amount_decimal")
    if cents is None and exact is None:
        raise missing_param(name)
    if cents is not None and exact is not None:
        message = "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        raise StripeError(message, param=name)
    if exact is None:
        return {"unit_amount": cents, "unit_amount_decimal": str(cents)}
    value = Decimal(exact)
    if not 0 <= value <= LARGEST_AMOUNT:
        raise StripeError(f"Invalid non-negative decimal: {exact}", param=f"{name}_decimal")
    whole = value == value.to_integral_value()
    shown = format(value.normalize(), "f")
    return {"unit_amount": int(value) if whole else None, "unit_amount_decimal": shown}


def make(work: Work, fields: Json, **more: Any) -> Json:
    """A new price of checked parameters, not stored yet. Its product must exist or be described."""
    if bool(fields.get("product")) == bool(fields.get("product_data")):
        if fields.get("product"):
            raise StripeError("You may only specify one of these parameters: product, product_data.", param="product")
        raise missing_param("product")
    recurring = fields.get("recurring")
    price = work.new("price", "price_", currency=fields["currency"].lower(), **amounts(fields))
    price |= {
        name: fields[name]
        for name in ("active", "lookup_key", "nickname", "tax_behavior")
        if fields.get(name) is not None
    }
    price["metadata"] = merged_metadata({}, fields.get("metadata", {}))
    if recurring:
        price |= {"type": "recurring", "recurring": _recurring(work, recurring)}
    if fields.get("product"):
        price["product"] = work.require("product", fields["product"], "product")["id"]
    else:
        price["product"] = products.make(work, fields["product_data"])["id"]
    return price | more


def _recurring(work: Work, fields: Json) -> Json:
    usage, meter = fields.get("usage_type", "licensed"), fields.get("meter")
    if meter and usage != "metered":
        raise StripeError("A meter requires usage_type=metered.", param="recurring[meter]")
    if usage == "metered" and not meter:
        raise StripeError("Metered prices must be backed by a meter.", param="recurring[meter]")
    if meter and work.require("billing.meter", meter, "recurring[meter]")["status"] != "active":
        raise StripeError(f"The meter {meter} is inactive.", param="recurring[meter]")
    return {
        "interval": fields["interval"],
        "interval_count": fields.get("interval_count", 1),
        "meter": meter,
        "trial_period_days": fields.get("trial_period_days"),
        "usage_type": usage,
    }


def _take_lookup_key(work: Work, key: str | None, transfer: bool | None, own: str | None = None) -> None:
    """Make sure that no other price has the lookup key."""
    for price in work.store.select("price", equal={"lookup_key": key}) if key else []:
        if price["id"] == own:
            continue
        if not transfer:
            raise StripeError(
                f"A price (`{price['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        work.change(price, "price.updated", lookup_key=None)


def _create(work: Work) -> Json:
    price = make(work, work.params)
    _take_lookup_key(work, price["lookup_key"], work.params.get("transfer_lookup_key"))
    return work.save(price, "price.created")


def _update(work: Work) -> Json:
    price = work.addressed("price", "price")
    fields: Json = {
        name: work.params[name] for name in ("active", "lookup_key", "nickname", "tax_behavior") if name in work.params
    }
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(price["metadata"], work.params["metadata"])
    _take_lookup_key(work, fields.get("lookup_key"), work.params.get("transfer_lookup_key"), price["id"])
    return work.change(price, "price.updated", **fields)


def _list(work: Work) -> Json:
    names = ("active", "currency", "product", "type")
    equal: Json = {name: work.params[name] for name in names if work.params.get(name) is not None}
    equal |= {f"recurring.{name}": value for name, value in work.params.get("recurring", {}).items()}
    if "lookup_keys" in work.params:
        equal = {"lookup_key": work.params["lookup_keys"]} | equal
    return work.page("price", equal=equal, created=work.params.get("created"))


RESOURCE = Resource(
    "price",
    routes=(
        Route("POST", "/v1/prices", _create, CREATE),
        Route("GET", "/v1/prices", _list, LIST),
        Route("GET", "/v1/prices/{price}", retrieve("price", "price")),
        Route("POST", "/v1/prices/{price}", _update, UPDATE),
    ),
    template=_template,
    lookups=(
        "lookup_key",
        "product",
        "active",
        "currency",
        "type",
        "recurring.meter",
        "recurring.interval",
        "recurring.usage_type",
    ),
    expand={"product": "product"},
)
