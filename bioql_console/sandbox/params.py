"""Types of parameters. Each resource declares a table of them; whatever is not in the table is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import Json, StripeError, missing_param


@dataclass(frozen=True, kw_only=True)
class Param:
    """One accepted parameter. `read` turns form text into a value; "" unsets, which is None."""

    required: bool = False

    def read(self, raw: Any, name: str) -> Any:
        """The value.

        Raises:
            StripeError: it is of another type, or out of range.
        """
        return raw


@dataclass(frozen=True, kw_only=True)
class Text(Param):
    longest: int = 5_000
    pattern: str = ""

    def read(self, raw: Any, name: str) -> Any:
        if not isinstance(raw, str):
            raise StripeError("Invalid string: expected a single value", param=name)
        if len(raw) > self.longest:
            raise StripeError(
                f"Invalid string: must be at most {self.longest} characters",
                code="parameter_invalid_string",
                param=name,
            )
        if raw and self.pattern and not re.fullmatch(self.pattern, raw):
            raise StripeError(f"Invalid value: {raw[:60]}", param=name)
        return raw or None


@dataclass(frozen=True, kw_only=True)
class Integer(Param):
    least: int | None = None
    most: int | None = None

    def read(self, raw: Any, name: str) -> Any:
        if raw == "":
            return None
        if not isinstance(raw, str) or not re.fullmatch(r"-?[0-9]{1,18}", raw):
            raise _bad_integer(f"Invalid integer: {raw}", name)
        value = int(raw)
        if self.least is not None and value < self.least:
            raise _bad_integer(f"This value must be greater than or equal to {self.least}.", name)
        if self.most is not None and value > self.most:
            raise _bad_integer(f"This value must be less than or equal to {self.most}.", name)
        return value


def _bad_integer(message: str, name: str) -> StripeError:
    return StripeError(message, code="parameter_invalid_integer", param=name)


@dataclass(frozen=True, kw_only=True)
class Number(Param):
    """A decimal number in text; kept as text, because that is how Stripe shows it."""

    places: int = 12

    def read(self, raw: Any, name: str) -> Any:
        try:
            value = Decimal(raw)
        except (InvalidOperation, TypeError, ValueError) as error:
            raise StripeError(f"Invalid decimal: {raw}", code="parameter_invalid_decimal", param=name) from error
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > self.places:
            raise StripeError(
                f"Invalid decimal: {raw}; must contain at most {self.places} decimal places.",
                code="parameter_invalid_decimal",
                param=name,
            )
        return raw


@dataclass(frozen=True, kw_only=True)
class Flag(Param):
    def read(self, raw: Any, name: str) -> Any:
        if raw not in ("true", "false"):
            raise StripeError(f"Invalid boolean: {raw}", param=name)
        return raw == "true"


@dataclass(frozen=True, kw_only=True)
class Choice(Param):
    of: tuple[str, ...] = ()

    def read(self, raw: Any, name: str) -> Any:
        if raw not in self.of:
            allowed = ", ".join(self.of)
            raise StripeError(f"Invalid {name}: must be one of {allowed}", param=name)
        return raw


@dataclass(frozen=True, kw_only=True)
class Many(Param):
    of: Param = field(default_factory=Text)
    most: int = 100

    def read(self, raw: Any, name: str) -> Any:
        if raw == "":
            return []
        if not isinstance(raw, list):
            raise StripeError("Invalid array", param=name)
        if len(raw) > self.most:
            raise StripeError(f"Array must have at most {self.most} elements.", param=name)
        return [self.of.read(item, f"{name}[{number}]") for number, item in enumerate(raw)]


@dataclass(frozen=True, kw_only=True)
class Group(Param):
    of: Mapping[str, Param] = field(default_factory=dict)
    emptyable: bool = False

    def read(self, raw: Any, name: str) -> Any:
        if raw == "" and self.emptyable:
            return None
        if not isinstance(raw, dict):
            raise StripeError("Invalid object", param=name)
        return read_params(self.of, raw, name)


@dataclass(frozen=True, kw_only=True)
class Range(Param):
    """A time in seconds, or bounds `gt`, `gte`, `lt`, `lte` of it."""

    def read(self, raw: Any, name: str) -> Any:
        if isinstance(raw, dict):
            return read_params(dict.fromkeys(("gt", "gte", "lt", "lte"), Integer()), raw, name)
        return {"gte": (at := Integer().read(raw, name)), "lte": at}


@dataclass(frozen=True, kw_only=True)
class Metadata(Param):
    """Up to 50 keys; an empty value deletes its key, empty metadata deletes all."""

    def read(self, raw: Any, name: str) -> Any:
        if raw == "":
            return None
        if isinstance(raw, list):
            raw = {str(number): value for number, value in enumerate(raw)}
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise StripeError("Invalid metadata: expected a flat object of text", param=name)
        if len(raw) > 50:
            raise StripeError("You can only have 50 metadata keys.", param=name)
        for key, value in raw.items():
            if len(key) > 40:
                raise StripeError("Metadata keys can be at most 40 characters long.", param=name)
            if len(value) > 500:
                raise StripeError("Metadata values can be at most 500 characters long.", param=f"{name}[{key}]")
        return dict(raw)


@dataclass(frozen=True, kw_only=True)
class Anything(Param):
    """Accepted because Stripe knows it, and then ignored: nothing here depends on it."""


Table = dict[str, Param]


def read_params(table: Mapping[str, Param], raw: Json, inside: str = "") -> Json:
    """Check parameters against their table.

    Raises:
        StripeError: `parameter_unknown`, `parameter_missing`, or what a type refuses.
    """

    def full(name: str) -> str:
        return f"{inside}[{name}]" if inside else name

    unknown = [full(name) for name in raw if name not in table]
    if unknown:
        several = "s" if len(unknown) > 1 else ""
        text = ", ".join(unknown)
        raise StripeError(f"Received unknown parameter{several}: {text}", code="parameter_unknown", param=unknown[0])
    for name, param in table.items():
        if param.required and name not in raw:
            raise missing_param(full(name))
        if param.required and raw[name] == "":
            raise StripeError(
                f"You passed an empty string for '{full(name)}'.", code="parameter_invalid_empty", param=full(name)
            )
    return {name: table[name].read(value, full(name)) for name, value in raw.items()}


def merged_metadata(present: Json, change: Json | None) -> Json:
    """Metadata after an update: keys are added or replaced, an empty value deletes its key, None deletes all."""
    if change is None:
        return {}
    merged = {key: value for key, value in (present | change).items() if value != ""}
    if len(merged) > 50:
        raise StripeError("You can only have 50 metadata keys.", param="metadata")
    return merged


EXPAND: Table = {"expand": Many()}
PAGE: Table = {
    "limit": Integer(least=1, most=100),
    "starting_after": Text(),
    "ending_before": Text(),
    **EXPAND,
}
ADDRESS = Group(of=dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), Text()), emptyable=True)
CURRENCY = Text(pattern="[A-Za-z]{3}", required=True)
