"""Links of which Stripe's answer was lost, by a crash or on the way: looked for on start, and again while we run."""

from collections.abc import Callable

from bioql_console.services.checkout_links import LONGEST_CALL_MS, LONGEST_OPEN_MS, CheckoutLinks
from bioql_console.services.ports import Store

EVERY_MS = 60_000


class LostLinks:
    """Asks Stripe what it made of them. Where there is none, a look costs one question to an index."""

    def __init__(self, store: Store, links: CheckoutLinks, now_ms: Callable[[], int]) -> None:
        self._store, self._links, self._now_ms = store, links, now_ms
        self._looked_ms: int | None = None
        self._first = True
        self._never_made: set[str] = set()

    def look_if_due(self) -> int:
        """Look once a minute; what failed is looked at again then. Returns how many links stand otherwise now.

        Raises:
            OperatorError: `stripe.*`, `db.*`.
        """
        now_ms = self._now_ms()
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < EVERY_MS:
            return 0
        self._looked_ms = now_ms
        with self._store.read() as work:
            lost = work.checkouts.without_session(now_ms - LONGEST_OPEN_MS)
        self._never_made &= {link.reference for link in lost}
        changed = 0
        for link in lost:
            old = now_ms - link.created_ms >= LONGEST_CALL_MS
            # A young one is being asked for right now; only after a crash nobody is.
            if link.reference in self._never_made or not (old or self._first):
                continue
            session = self._links.find(link)
            changed += self._links.settle(link, session, now_ms)
            if session is None and old:
                self._never_made.add(link.reference)
        self._first = False
        return changed
