"""Requests and answers, without a word about sockets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from .errors import Json

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
HOST = re.compile(r"[\w.:-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, content: Json, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, (json.dumps(content, indent=2) + "\n").encode(), headers=headers or {})


def is_loopback(authority: str) -> bool:
    """Whether a Host header names this machine. Another name means DNS rebinding by some web page."""
    try:
        return urlsplit(f"//{authority}").hostname in LOOPBACK
    except ValueError:
        return False


def is_local_url(url: str) -> bool:
    """Whether a URL leads to this machine: nothing the sandbox does may leave it."""
    parts = web_url(url)
    return parts is not None and parts.hostname in LOOPBACK


def web_url(url: str) -> SplitResult | None:
    """The parts of an address that a browser can be sent to; None when it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and HOST.fullmatch(parts.hostname or "")
    except ValueError:
        return None
    return parts if usable and url.isprintable() and " " not in url else None
