"""`/v1/products`."""

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Anything, Choice, Flag, Many, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, retrieve
from ..work import Work

SHARED: Table = {
    "active": Flag(),
    "description": Text(longest=40_000),
    "images": Many(most=8),
    "marketing_features": Anything(),
    "metadata": Metadata(),
    "package_dimensions": Anything(),
    "shippable": Flag(),
    "statement_descriptor": Text(longest=22),
    "tax_code": Text(),
    "unit_label": Text(longest=12),
    "url": Text(),
    **EXPAND,
}
CREATE: Table = SHARED | {
    "id": Text(pattern=r"[A-Za-z0-9_.-]+"),
    "name": Text(required=True),
    "type": Choice(of=("good", "service")),
}
UPDATE: Table = SHARED | {"name": Text(), "default_price": Text()}
IGNORED = ("expand", "marketing_features", "package_dimensions")


def _template() -> Json:
    nothing = (
        "default_price",
        "description",
        "package_dimensions",
        "shippable",
        "statement_descriptor",
        "tax_code",
        "unit_label",
        "url",
    )
    return dict.fromkeys(nothing) | {
        "active": True,
        "images": [],
        "marketing_features": [],
        "metadata": {},
        "type": "service",
        "updated": 0,
    }


def make(work: Work, fields: Json) -> Json:
    """Store a new product; `fields` are checked parameters."""
    product = work.new("product", "prod_", updated=work.now)
    if (given := fields.get("id")) and work.find("product", given):
        raise StripeError(f"Product already exists with id '{given}'.", code="resource_already_exists", param="id")
    fields = {name: value for name, value in fields.items() if name not in IGNORED and value is not None}
    product |= fields | {"metadata": merged_metadata({}, fields.get("metadata", {}))}
    return work.save(product, "product.created")


def _create(work: Work) -> Json:
    return make(work, work.params)


def _update(work: Work) -> Json:
    product = work.addressed("product")
    fields = {name: value for name, value in work.params.items() if name not in IGNORED}
    if "metadata" in fields:
        fields["metadata"] = merged_metadata(product["metadata"], fields["metadata"])
    if "name" in fields and not fields["name"]:
        raise StripeError("You passed an empty string for 'name'.", code="parameter_invalid_empty", param="name")
    if fields.get("default_price"):
        price = work.require("price", fields["default_price"], "default_price")
        if price["product"] != product["id"]:
            raise StripeError("The default price must belong to the product.", param="default_price")
    changed = any(product.get(name) != value for name, value in fields.items())
    return work.change(product, "product.updated", **fields, **({"updated": work.now} if changed else {}))


def _delete(work: Work) -> Json:
    product = work.addressed("product")
    if work.store.select("price", equal={"product": product["id"]}, limit=1):
        raise StripeError(
            "This product cannot be deleted because it has one or more prices. Set it to inactive instead."
        )
    gone = {"id": product["id"], "object": "product", "deleted": True}
    work.store.put(gone)
    work.emit("product.deleted", product)
    return gone


def _list(work: Work) -> Json:
    names = ("active", "shippable", "type", "url")
    equal: Json = {name: work.params[name] for name in names if work.params.get(name) is not None}
    if "ids" in work.params:
        equal["id"] = work.params["ids"]
    return work.page("product", equal=equal, created=work.params.get("created"))


LIST: Table = PAGE | {
    "active": Flag(),
    "created": Range(),
    "ids": Many(),
    "shippable": Flag(),
    "type": Choice(of=("good", "service")),
    "url": Text(),
}
RESOURCE = Resource(
    "product",
    routes=(
        Route("POST", "/v1/products", _create, CREATE),
        Route("GET", "/v1/products", _list, LIST),
        Route("GET", "/v1/products/{id}", retrieve("product")),
        Route("POST", "/v1/products/{id}", _update, UPDATE),
        Route("DELETE", "/v1/products/{id}", _delete, {}),
    ),
    template=_template,
    lookups=("id", "active", "shippable", "type", "url"),
    expand={"default_price": "price"},
)
