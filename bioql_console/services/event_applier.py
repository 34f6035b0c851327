"""From the inbox to the ledger: each event exactly once in effect."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.webhooks import Claim, EventState, Outcome, ReceivedEvent
from bioql_console.services.bugs import note_bug
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_decisions import decide
from bioql_console.services.event_turns import about, take
from bioql_console.services.ports import Store, Work

Coming = Callable[[ReceivedEvent, dict[str, Any], Work], Outcome]
BATCH = 100
# Events in one transaction: a few milliseconds, in which nobody else can write.
TOGETHER = 20
RETRY_S = 2.0
STUMBLED = (
    "The console stumbled over it, which is a mistake of its own; the log has the report. Replay it after an update."
)
# What another worker has is done in a moment, or free again if that worker died.
BUSY_S = 0.2


class EventApplier:
    """Applies what waits in the inbox, in order of arrival.

    Several of them may work on one database. What is about one customer, payment or invoice is applied by one at a
    time and in its order; the others go on with what is about others.

    Args:
        together: How many events share a transaction now. It is one where others wait for their turn to write, so
            that nobody waits for more than it takes.
    """

    def __init__(
        self,
        store: Store,
        environment: Environment,
        changes: Changes,
        now_ms: Callable[[], int],
        together: Callable[[], int] = lambda: TOGETHER,
    ) -> None:
        self._store = store
        self._environment = environment
        self._changes = changes
        self._now_ms = now_ms
        self._together = together
        self.left = False
        """Whether the last pass left something that another worker was at."""

    def apply_waiting(self) -> int:
        """Apply everything that waits and that no other worker has. Returns how many events were settled.

        Raises:
            OperatorError: `ledger.unsafe`, `db.*`; what is settled stays settled, the rest waits.
        """
        settled = 0
        # Applying may reopen earlier ones, so look until there is nothing more to do.
        while done := self._pass():
            settled += done
        return settled

    def _pass(self) -> int:
        settled, last, busy = 0, 0, set[str]()
        self.left = False
        while True:
            with self._store.read() as work:
                work.safety.require_sound()
                waiting = work.inbox.waiting(BATCH, last)
            if not waiting:
                return settled
            last = waiting[-1].sequence
            while waiting:
                together = self._together()
                settled += self._apply(waiting[:together], busy)
                del waiting[:together]

    def _apply(self, events: Sequence[ReceivedEvent], busy: set[str]) -> int:
        """How many of them were settled here.

        Args:
            busy: What others are at; what comes later about the same has to wait.
        """
        try:
            return self._settle(events, busy, self._outcome)
        except OperatorError:
            raise
        except _Overtaken:
            return 0 if len(events) == 1 else self._one_by_one(events, busy)
        except Exception as bug:
            # One event over which we stumble must not keep the money of all others waiting.
            if len(events) > 1:
                return self._one_by_one(events, busy)
            note_bug(bug)
            return self._settle(events, busy, lambda *_: Outcome(EventState.QUARANTINED, STUMBLED))

    def _one_by_one(self, events: Sequence[ReceivedEvent], busy: set[str]) -> int:
        return sum(self._apply([event], busy) for event in events)

    def _settle(self, events: Sequence[ReceivedEvent], busy: set[str], come_to: Coming) -> int:
        with self._store.write() as work:
            work.safety.require_sound()
            found = [self._settle_one(event, busy, come_to, work) for event in events]
            outcomes = [each for each in found if each is not None]
            if not outcomes:
                return 0
            work.commit()
        changes = {Change("events", outcome.user_id) for outcome in outcomes}
        for outcome in outcomes:
            if outcome.state is EventState.APPLIED:
                changes |= {Change(topic, outcome.user_id) for topic in ("balances", "checkouts", "outbox")}
        self._changes.publish(*changes)
        return len(outcomes)

    def _settle_one(self, event: ReceivedEvent, busy: set[str], come_to: Coming, work: Work) -> Outcome | None:
        """What it came to; None if another worker is at it, or was."""
        content = json.loads(event.body)
        ids = about(content)
        claim = take(event, content, work) if busy.isdisjoint(ids) else Claim.BUSY
        if claim is not Claim.MINE:
            self.left = self.left or claim is Claim.BUSY
            busy |= ids if claim is Claim.BUSY else frozenset()
            return None
        outcome = come_to(event, content, work)
        # The last guard: whoever is second finds the state changed, and nothing of it is posted.
        if not work.inbox.settle(event.id, outcome, self._now_ms()):
            raise _Overtaken
        return outcome

    def _outcome(self, event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
        if event.livemode != self._environment.livemode:
            mode = "live" if event.livemode else "test"
            return Outcome(EventState.QUARANTINED, f"It is a {mode} event, but this is {self._environment.word}.")
        # Stripe names the account in events that come from a connected one.
        known, named = work.accounts.get(self._environment), content.get("account")
        if named and known is not None and named != known.id:
            return Outcome(EventState.QUARANTINED, f"It is of another Stripe account; this ledger belongs to {known}.")
        return decide(event, content, work)


class _Overtaken(Exception):
    """Somebody else settled an event that was ours."""


class ApplierThread:
    """Keeps applying: sweeps on start, then whenever it is woken.

    Args:
        sweep_s: How often it looks without being woken, for what a worker that died left behind; None where there is
            no other worker.
    """

    def __init__(self, applier: EventApplier, sweep_s: float | None = None) -> None:
        self._applier = applier
        self._sweep_s = sweep_s
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)
        self.error: OperatorError | None = None
        """Why applying rests, for the status bar; None while all is well."""

    def start(self) -> None:
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """End after the event in hand; the rest waits in the inbox."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def _pause_s(self) -> float | None:
        # While something is wrong with the database, look again every so often.
        if self.error is not None:
            return RETRY_S
        return BUSY_S if self._applier.left else self._sweep_s

    def _run(self) -> None:
        while True:
            self._wake.wait(self._pause_s)
            if self._stop:
                return
            self._wake.clear()
            try:
                self._applier.apply_waiting()
                self.error = None
            except OperatorError as error:
                self.error = error
            except Exception as bug:
                note_bug(bug)
                self.error = OperatorError(
                    "Applying events stumbled, which is a mistake of the console's own; they wait in the inbox.",
                    fix="Send the report in the log to the maintainers.",
                    code="applier.stumbled",
                )
