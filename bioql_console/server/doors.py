"""Who may knock, told by what a browser says of a request and no page can change: Host, Origin, Sec-Fetch-Site."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]

HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[0-9a-z.-]+))(?::[0-9]{1,5})?", re.IGNORECASE)
READING = frozenset(("GET", "HEAD", "OPTIONS"))


def header_of(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), "")


def host_allowed(scope: Scope, allowed: frozenset[str]) -> bool:
    """Whether the Host header names this server. Another name means DNS rebinding by some web page.

    Args:
        allowed: Names in lower case; empty for all.
    """
    if not allowed:
        return True
    found = HOST.fullmatch(header_of(scope, b"host"))
    return found is not None and (found["address"] or found["name"]).lower() in allowed


class OwnPages:
    """The pages that may change something here: ours, and those of the listed origins.

    A browser sends a form, or a script's plain-text request, to any server that a page names, and asks nobody. It
    says from where: every current browser in `Origin`, most in `Sec-Fetch-Site`. Other programs say neither.

    Args:
        base_url: Where customers reach the dashboard.
        origins: Origins that the operator listed.
    """

    def __init__(self, base_url: str, origins: frozenset[str]) -> None:
        parts = urlsplit(base_url)
        self._origins = origins | {f"{parts.scheme}://{parts.netloc}"}

    def may_send(self, scope: Scope) -> bool:
        """Whether a request comes from one of them, or from no page, or only reads."""
        origin, site = header_of(scope, b"origin"), header_of(scope, b"sec-fetch-site")
        if scope["method"] in READING or origin in self._origins or site in ("same-origin", "none"):
            return True
        if site:
            return False
        # Over https a proxy stands before us, and what it makes of the scheme is not known here.
        return not origin or origin.partition("://")[2].lower() == header_of(scope, b"host").lower() != ""
