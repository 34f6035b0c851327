"""What a resource is: its routes with their parameters, its defaults, what lists filter by, what expands to what.

A new resource is one file in `resources/` and one line in `resources/__init__.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .errors import Json, StripeError
from .params import EXPAND, PAGE, Param

if TYPE_CHECKING:
    from .work import Work

Handler = Callable[["Work"], Json]
Expansion = str | Callable[["Work", Json], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One address. Parts in braces are ids, for `Work.path`."""

    method: str
    path: str
    handler: Handler
    params: Mapping[str, Param] = field(default_factory=lambda: EXPAND)


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Args:
        object: What Stripe calls it in the field `object`; also the kind under which it is stored.
        template: Every field with the value it has when nobody sets it.
        lookups: Fields (dotted inside groups) that lists filter by.
        expand: By field, the kind whose id it holds, or what makes a value that is left out unless asked for.
        jobs: By name, what happens when its time has come, e.g. expiry.
    """

    object: str
    routes: tuple[Route, ...] = ()
    template: Callable[[], Json] = dict
    lookups: tuple[str, ...] = ()
    expand: Mapping[str, Expansion] = field(default_factory=dict)
    jobs: Mapping[str, Callable[["Work", str], None]] = field(default_factory=dict)


class Registry:
    """All resources, and which route an address means."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.by_object = {resource.object: resource for resource in resources}
        self.jobs = {name: job for resource in self.by_object.values() for name, job in resource.jobs.items()}
        self.lookups = {resource.object: resource.lookups for resource in self.by_object.values()}
        self._tree: dict[str, Any] = {}
        for route in self.routes():
            here = self._tree
            for part in route.path.strip("/").split("/"):
                here = here.setdefault("{}" if part.startswith("{") else part, {})
            here.setdefault("", {})[route.method] = route

    def routes(self) -> Iterator[Route]:
        for resource in self.by_object.values():
            yield from resource.routes

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of an address and the ids in it.

        Raises:
            StripeError: 404, nothing is there.
        """
        parts = [unquote(part) for part in path.strip("/").split("/")]
        here, values = self._tree, []
        for part in parts:
            if part in here and part not in ("", "{}"):
                here = here[part]
            elif "{}" in here and part:
                here = here["{}"]
                values.append(part)
            else:
                raise _unrecognized(method, path)
        route: Route | None = here.get("", {}).get(method)
        if route is None:
            raise _unrecognized(method, path)
        names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        return route, dict(zip(names, values, strict=True))


def _unrecognized(method: str, path: str) -> StripeError:
    return StripeError(f"Unrecognized request URL ({method}: {path}). The sandbox does not know it.", status=404)


def retrieve(kind: str, param: str = "id") -> Handler:
    """Answers the object that the address names. Deleted ones are answered as such."""
    return lambda work: work.addressed(kind, param, even_deleted=True)


def listing(kind: str, *filters: str, inside: str | None = None) -> Handler:
    """Answers a page of objects, newest first.

    Args:
        filters: Parameters that are lookups of the kind by the same name.
        inside: Name of the id in the address whose objects alone are meant; also the lookup's name.
    """

    def handle(work: "Work") -> Json:
        equal = {name: work.params[name] for name in filters if work.params.get(name) is not None}
        if inside is not None:
            equal[inside] = work.path[inside]
        return work.page(kind, equal=equal, created=work.params.get("created"))

    return handle


__all__ = ["EXPAND", "PAGE", "Handler", "Registry", "Resource", "Route", "listing", "retrieve"]
