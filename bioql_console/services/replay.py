"""Trying an event again, or fetching one that never arrived."""

from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store


class Replay:
    """Lets quarantined events be decided afresh, after their cause was repaired.

    Args:
        wake_applier: Called after an event was put back in line.
    """

    def __init__(self, store: Store, changes: Changes, wake_applier: Callable[[], None]) -> None:
        self._store = store
        self._changes = changes
        self._wake_applier = wake_applier

    def again(self, event_id: str, operator: str, reason: str) -> None:
        """Put a quarantined event back in line.

        Raises:
            OperatorError: `event.not_quarantined`; an event that was applied can't be applied twice.
        """
        with self._store.write() as work:
            if not work.inbox.reopen(event_id):
                raise OperatorError(
                    "Only an event in quarantine can be replayed; this one is settled.",
                    fix="Nothing needs to be done: its payment is counted once.",
                    code="event.not_quarantined",
                )
            work.activity.record(operator, "replayed event", event_id, reason=reason)
            work.commit()
        self._wake_applier()
        self._changes.publish(Change("events"))
