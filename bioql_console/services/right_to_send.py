"""Nothing is changed at Stripe that the ledger could not write down: who may only read sends nothing."""

import threading
from collections.abc import Callable

from bioql_console.domain.rights import Role
from bioql_console.services.ports import Store

# A role that was taken away is noticed within this; asking before each of a thousand calls would hold them up.
KNOWN_FOR_MS = 1_000


class RightToSend:
    """Asked before anything but GET leaves for Stripe, from any thread.

    Args:
        ticks_ms: A clock that nobody can set.
    """

    def __init__(self, store: Store, ticks_ms: Callable[[], int]) -> None:
        self._store, self._ticks_ms = store, ticks_ms
        self._lock = threading.Lock()
        self._asked_ms: int | None = None

    def require(self) -> None:
        """Go on only while the database lets us write.

        Raises:
            OperatorError: `db.right_missing`; `db.*` when it can't be asked.
        """
        ticks = self._ticks_ms()
        with self._lock:
            known = self._asked_ms is not None and ticks - self._asked_ms < KNOWN_FOR_MS
        if not known or not self._store.rights.may(Role.OPERATOR):
            self._store.ask_for_rights()
            with self._lock:
                self._asked_ms = ticks
        self._store.rights.require(Role.OPERATOR, "Nothing was sent to Stripe: it could not be written down here.")
