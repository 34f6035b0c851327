"""One sign of life, as the status bar shows it."""

from typing import NamedTuple


class Vital(NamedTuple):
    """One sign of life.

    Args:
        state: "ok", "warn", "bad" or "unknown".
        words: A few words for the status bar.
        reason: A sentence or two for who asks.
        cure: The one next step; empty when all is well.
        page: Where to cure it.
    """

    state: str
    words: str
    reason: str = ""
    cure: str = ""
    page: str = ""


UNKNOWN = {
    "server": Vital("unknown", "Server: not asked yet"),
    "stripe": Vital("unknown", "Stripe: not asked yet"),
    "webhooks": Vital("unknown", "Webhooks: not asked yet"),
    "database": Vital("unknown", "Database: not asked yet"),
    "keychain": Vital("unknown", "Keychain: not asked yet"),
}
