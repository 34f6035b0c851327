"""Keeping secrets out of every text that leaves the program: logs, reports, tails of other programs' output."""

import re
import threading

_KEPT = "[redacted]"
_PATTERNS = (
    # Wherever they begin: what stands before a key, as in "SECRET_sk_live_…", does not make it less of one.
    re.compile(r"(?:sk|rk)_(?:test|live)_[A-Za-z0-9_*]+"),
    re.compile(r"whsec_[A-Za-z0-9+/=_\-]+"),
    re.compile(r"bioql_[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?<=Bearer )[^\s'\",}]+", re.IGNORECASE),
    re.compile(r"(?<=Basic )[A-Za-z0-9+/=]+", re.IGNORECASE),
    re.compile(r"(?<=v[01]=)[0-9a-f]{16,}"),
    re.compile(r"(?<=://)([^:/@\s]*):[^@/\s]+(?=@)"),
)
SHORTEST_SECRET = 8

_lock = threading.Lock()
_known: set[str] = set()


def remember_secret(value: str) -> None:
    """Scrub this exact text from now on, whatever it looks like. Very short texts would scrub innocent words."""
    if len(value) >= SHORTEST_SECRET:
        with _lock:
            _known.add(value)


def redacted(text: str) -> str:
    """`text` without anything that is or looks like a secret.

    All are looked for before any is taken out: one may hold, or go on after, another.
    """
    with _lock:
        patterns = [*_PATTERNS, *(re.compile(re.escape(secret)) for secret in _known)]
    spans = sorted(found.span() for pattern in patterns for found in pattern.finditer(text))
    parts: list[str] = []
    shown = 0
    for start, end in spans:
        if start > shown or not parts:
            parts += [text[shown:start], _KEPT]
        shown = max(shown, end)
    return "".join([*parts, text[shown:]])
