"""Stripe's form encoding: `a[b][0]=1` is {"a": {"b": ["1"]}}."""

import re
from typing import Any
from urllib.parse import parse_qsl

from .errors import Json, StripeError

MAX_FIELDS = 2_000
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART = re.compile(r"\[([^\[\]]*)\]")


def parse_form(text: str) -> Json:
    """Nested parameters; every leaf is text.

    Raises:
        StripeError: a name is malformed, or used both for a value and for a group.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        raise StripeError("Invalid request: the body is not form-encoded UTF-8.") from error
    tree: Json = {}
    for name, value in pairs:
        matched = NAME.fullmatch(name)
        if not matched:
            raise StripeError(f"Invalid parameter name: {name}", param=name)
        _put(tree, [matched[1], *PART.findall(matched[2])], value, name)
    return {name: _lists(value) for name, value in tree.items()}


def _put(tree: Json, path: list[str], value: str, name: str) -> None:
    here = tree
    for part in path[:-1]:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise StripeError(f"Invalid parameter: {name} is both a value and a group", param=name)
    last = path[-1] or str(len(here))
    if last in here and isinstance(here[last], dict):
        raise StripeError(f"Invalid parameter: {name} is both a value and a group", param=name)
    here[last] = value


def _lists(value: Any) -> Any:
    """Groups numbered 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    items = {name: _lists(item) for name, item in value.items()}
    if items and all(name.isascii() and name.isdigit() for name in items):
        return [items[name] for name in sorted(items, key=int)]
    return items
