"""Stripe's API as far as stripe-python's types tell it, as JSON schema made when the tests run.

Parameters come from the `TypedDict`s in `stripe.params`, objects from the annotations of `StripeObject` classes, paths
from the services' methods. Open enums are closed: what Stripe doesn't name today is a mistake of ours.
"""

import ast
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

import stripe
import typing_extensions
from stripe._list_object import ListObject as V1List
from stripe._object_classes import OBJECT_CLASSES, V2_OBJECT_CLASSES
from stripe._stripe_object import StripeObject, UntypedStripeObject
from stripe.events._event_classes import get_v2_event_class
from stripe.v2._list_object import ListObject as V2List

from tests.stripe_calls import Call, SendsNothing, sdk_call, sdk_method

Schema = dict[str, Any]
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
OPTIONS = frozenset(stripe.RequestOptions.__annotations__)
NULL: Schema = {"type": "null"}


class SdkSchema:
    """Schemas of what is asked for, gathered in one document so that they may refer to each other."""

    def __init__(self) -> None:
        self.components: Schema = {"schemas": {}}

    def object(self, kind: str) -> Schema:
        """A validating schema of an object, by its `object`; of a v2 event, by its `type`."""
        return {**self._reference(kind), "components": self.components}

    def parameters(self, call: Call) -> Schema:
        """A schema of a call's parameters as Python values."""
        method = sdk_method(services()[call])
        found = self._of(method.__annotations__["params"], sys.modules[method.__module__])
        return next(option for option in found.get("anyOf", [found]) if option != NULL)

    def answer(self, call: Call) -> Schema:
        """A validating schema of what a call answers."""
        method = sdk_method(services()[call])
        made = self._of(method.__annotations__["return"], sys.modules[method.__module__])
        return {**made, "components": self.components}

    def _reference(self, kind: str) -> Schema:
        schemas = self.components["schemas"]
        if kind not in schemas:
            schemas[kind] = {}  # it may refer to itself
            schemas[kind] = self._of_class(object_class(kind))
        return {"$ref": f"#/components/schemas/{kind}"}

    def _of(self, hint: Any, module: types.ModuleType) -> Schema:
        if isinstance(hint, typing.ForwardRef):
            hint = hint.__forward_arg__
        if isinstance(hint, str):
            hint = eval(hint, namespace(module.__name__))
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if hint in PLAIN:
            return {"type": PLAIN[hint]}
        if hint is Decimal:
            return {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
        if origin in (typing.Union, types.UnionType):
            return self._of_union(inner, module)
        if origin is typing_extensions.Literal:
            return {"enum": list(inner)}
        if origin is list:
            return {"type": "array", "items": self._of(inner[0], module)}
        if origin in (dict, Mapping) or hint is dict:
            return {"type": "object", "additionalProperties": self._of(inner[1], module) if inner else {}}
        if origin in (UntypedStripeObject, V1List, V2List):
            return self._of_generic(origin, self._of(inner[0], module))
        if hint is Any or hint is UntypedStripeObject:
            return {}
        if origin in (typing_extensions.NotRequired, typing_extensions.Required):
            return self._of(inner[0], module)
        if typing_extensions.is_typeddict(hint):
            return self._of_parameters(hint)
        if hint is type(None):
            return NULL
        assert issubclass(hint, StripeObject), hint
        kind = getattr(hint, "OBJECT_NAME", None)
        return self._reference(kind) if kind and object_class(kind) is hint else self._of_class(hint)

    def _of_union(self, options: tuple[Any, ...], module: types.ModuleType) -> Schema:
        closed = any(
            typing.get_origin(each) is typing_extensions.Literal and "" not in each.__args__ for each in options
        )
        kept = [each for each in options if not (closed and each is str)]
        made = [self._of(each, module) for each in kept]
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _of_generic(self, origin: Any, inner: Schema) -> Schema:
        if origin is UntypedStripeObject:
            return {"type": "object", "additionalProperties": inner}
        ends: Schema = {"object": {"enum": ["list"]}, "has_more": {"type": "boolean"}, "url": {"type": "string"}}
        if origin is V2List:
            ends = {name: {"type": ["string", "null"]} for name in ("next_page_url", "previous_page_url")}
        required = ["data", *ends] if origin is V1List else ["data"]
        properties = {"data": {"type": "array", "items": inner}, **ends}
        return {"type": "object", "properties": properties, "required": required}

    def _of_class(self, made: type) -> Schema:
        """What is not Optional must be there. More fields than known are not a mistake of an object."""
        properties, required = {}, []
        for owner, name, hint in fields(made):
            properties[name] = self._of(hint, sys.modules[owner.__module__])
            if not _optional(hint):
                required.append(name)
        return {"type": "object", "properties": properties, "required": required}

    def _of_parameters(self, made: Any) -> Schema:
        """What is not NotRequired must be there, and nothing else may."""
        module = sys.modules[made.__module__]
        own = {name: hint for name, hint in made.__annotations__.items() if name not in OPTIONS}
        own = {name: _evaluated(hint, module) for name, hint in own.items()}
        required = [name for name, hint in own.items() if typing.get_origin(hint) is not typing_extensions.NotRequired]
        properties = {name: self._of(hint, module) for name, hint in own.items()}
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _evaluated(hint: Any, module: types.ModuleType) -> Any:
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    return eval(hint, namespace(module.__name__)) if isinstance(hint, str) else hint


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint) or (isinstance(hint, str) and hint.startswith("Optional["))


def fields(made: type) -> Iterator[tuple[type, str, Any]]:
    """The data of a class of objects, with the class that declares each."""
    seen = set()
    for owner in made.__mro__:
        if owner is StripeObject:
            return
        for name, hint in vars(owner).get("__annotations__", {}).items():
            internal = name.startswith("_") or name in seen or typing.get_origin(hint) is typing.ClassVar
            if not internal and not (isinstance(hint, str) and hint.startswith("ClassVar")):
                seen.add(name)
                yield owner, name, hint


@cache
def object_class(kind: str) -> type:
    """The class of an object, or of a v2 event by its type."""
    where = OBJECT_CLASSES.get(kind) or V2_OBJECT_CLASSES.get(kind)
    found: type = getattr(import_module(where[0]), where[1]) if where else get_v2_event_class(kind)
    return found


@cache
def namespace(module: str) -> dict[str, Any]:
    """A module's names, with those that it imports for type checkers only."""
    made = import_module(module)
    names = dict(vars(made))
    for node in ast.walk(ast.parse(inspect.getsource(made))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stripe"):
            for each in node.names:
                if (each.asname or each.name) not in names:
                    names[each.asname or each.name] = getattr(import_module(node.module), each.name)
    return names


@cache
def services() -> dict[Call, str]:
    """Every call of the API by method and path, with the method of stripe-python that sends it."""
    found: dict[Call, str] = {}

    def walk(chain: str) -> None:
        service = sdk_method(chain)
        listed = getattr(sys.modules[type(service).__module__], "_subservices", {})
        for name in listed:
            walk(f"{chain}.{name}")
        for name, method in vars(type(service)).items():
            if inspect.isfunction(method) and not name.startswith("_") and not name.endswith("_async"):
                with suppress(SendsNothing):
                    found.setdefault(sdk_call(f"{chain}.{name}"), f"{chain}.{name}")

    for chain in ("v1", "v2.core", "v2.billing"):
        walk(chain)
    return found
