"""What time brings about: sessions expire, bank debits settle."""

from collections.abc import Callable

from .registry import Registry
from .store import Store
from .work import Work

KEEP_EVENTS_S = 30 * 86_400
KEEP_ANSWERS_S = 86_400


class Jobs:
    """Runs what is due by the sandbox's clock, in the order in which it became due."""

    def __init__(self, store: Store, registry: Registry, new_work: Callable[[], Work]) -> None:
        self._store, self._registry, self._new_work = store, registry, new_work
        self._tidied_at = 0

    def run_due(self) -> int:
        """Run what is due; the answer is how many jobs that were."""
        done = 0
        while (job := self._store.next_job()) and job[0] <= self._store.now():
            due, name, object_id = job
            with self._store.transaction(), self._store.stopped_at(due):
                self._store.cancel_job(name, object_id)
                self._registry.jobs[name](self._new_work(), object_id)
            done += 1
        return done

    def advance(self, seconds: int) -> None:
        """Move the clock forward; what becomes due happens at its own time on the way."""
        self._store.advance(seconds)
        self.run_due()

    def next_due_in_s(self) -> float | None:
        job = self._store.next_job()
        return max(0.0, float(job[0] - self._store.now())) if job else None

    def tidy(self) -> None:
        """Forget what Stripe forgets too: events after 30 days, idempotency keys after one."""
        now = self._store.now()
        if now - self._tidied_at < 3_600:
            return
        self._tidied_at = now
        with self._store.transaction():
            self._store.forget("event", now - KEEP_EVENTS_S)
            self._store.forget_answers(now - KEEP_ANSWERS_S)
            self._store.db.execute(
                "DELETE FROM deliveries WHERE NOT EXISTS"
                " (SELECT 1 FROM objects o WHERE o.kind IN ('event', 'v2.core.event') AND o.id = deliveries.event)"
            )
