"""Which calls each method of the Stripe gateway can send, read from its code and from stripe-python's."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import stripe

from tests.sources import python_files, tree

# A method of HTTP and a path in which every id is "{}".
Call = tuple[str, str]

SERVICES = Path("bioql_console/services")
CHAIN = re.compile(r"self\.(?:_client\.)?(v[12](?:\.\w+)+)")
RAW_PATH = re.compile(r"/v[12]/[^ ]*[^/ ]")


def shape(path: str) -> str:
    """The path with nameless ids."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def calls_of_the_gateway() -> dict[str, set[Call]]:
    """What each public method sends, itself or through others."""
    methods = _methods()
    return {name: _reached(name, methods, set()) for name in sorted(methods) if not name.startswith("_")}


def _methods() -> dict[str, ast.FunctionDef]:
    """Of the gateway and its parts. What only passes calls on is none of them."""
    return {
        inner.name: inner
        for path in python_files("bioql_console")
        if path.parent == SERVICES and path.name.startswith("stripe_")
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and (node.name.endswith("Calls") or node.name == "StripeGateway")
        for inner in node.body
        if isinstance(inner, ast.FunctionDef) and inner.name not in ("ask", "ask_all", "ask_pages")
    }


def _reached(name: str, methods: dict[str, ast.FunctionDef], seen: set[str]) -> set[Call]:
    if name in seen or name not in methods:
        return set()
    seen.add(name)
    found = set(_direct(methods[name]))
    for node in ast.walk(methods[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            found |= _reached(node.attr, methods, seen)
    return found


def _direct(method: ast.FunctionDef) -> Iterator[Call]:
    longest = {ast.unparse(node) for node in ast.walk(method) if isinstance(node, ast.Attribute)}
    for chain in longest:
        if (found := CHAIN.fullmatch(chain)) and not any(other.startswith(f"{chain}.") for other in longest):
            yield sdk_call(found[1])
    for node in ast.walk(method):
        if isinstance(node, ast.Constant | ast.JoinedStr) and RAW_PATH.fullmatch(words := _text(node)):
            yield "GET", words


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case _:
            return "{}"


class SendsNothing(LookupError):
    """A method of stripe-python that sends no plain request, e.g. a download."""


@cache
def _client() -> Any:
    return stripe.StripeClient("sk_test_unused")


def sdk_method(chain: str) -> Any:
    """The method of stripe-python, e.g. of "v1.billing.meters.create"."""
    found = _client()
    for name in chain.split("."):
        found = getattr(found, name)
    return found


@cache
def sdk_call(chain: str) -> Call:
    """What a method of stripe-python sends."""
    code = ast.parse(textwrap.dedent(inspect.getsource(sdk_method(chain))))
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._request":
            method, path = node.args[:2]
            if isinstance(path, ast.Call):
                assert isinstance(path.func, ast.Attribute)
                path = path.func.value
            return _text(method).upper(), shape(_text(path))
    raise SendsNothing(chain)
