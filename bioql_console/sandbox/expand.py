"""`expand[]`: ids replaced by the objects they stand for."""

from typing import Any

from .errors import Json, StripeError
from .work import Work, public

DEEPEST = 4


def expanded(work: Work, answer: Json, paths: list[str]) -> Json:
    """The answer with the fields at these dotted paths expanded, e.g. "data.customer".

    Raises:
        StripeError: a path is too deep, or there is nothing to expand.
    """
    shown = _public(answer)
    for path in paths:
        parts = (path or "").split(".")
        if len(parts) > DEEPEST + (parts[0] == "data"):
            raise StripeError(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _expand(work, shown, parts, path)
    return shown


def _public(thing: Json) -> Json:
    if thing.get("object") == "list":
        return thing | {"data": [public(item) for item in thing["data"]]}
    return public(thing)


def _expand(work: Work, thing: Any, parts: list[str], path: str) -> None:
    if not isinstance(thing, dict):
        return
    name, rest = parts[0], parts[1:]
    if thing.get("object") == "list" and name == "data":
        for item in thing["data"]:
            if rest:
                _expand(work, item, rest, path)
        return
    resource = work.registry.by_object.get(thing.get("object", ""))
    rule = resource.expand.get(name) if resource else None
    if rule is None and isinstance(thing.get(name), dict) and rest:
        _expand(work, thing[name], rest, path)
        return
    if rule is None:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    if callable(rule):
        thing[name] = rule(work, thing)
    elif isinstance(thing.get(name), str):
        found = work.find(rule, thing[name])
        thing[name] = public(found) if found else thing[name]
    if rest:
        _expand(work, thing[name], rest, path)
