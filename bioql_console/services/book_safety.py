"""Whether the books may be posted to; the stop when they don't hold, and the way back."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import Account, EntryKind, Fact
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.safety import Breach, can_be_mended_here, unsafe
from bioql_console.domain.verification import Difference, Mend, Place
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store, Work
from bioql_console.services.user_admin import require_reason

# What leaves for Stripe is asked about this often; each posting is asked about in its own transaction.
KNOWN_FOR_MS = 1_000
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Correction:
    """One line of a plan: what will be done about a breach."""

    breach: Breach
    words: str


class BookSafety:
    """The stop of one ledger. It is kept in the database: every console and server on it stops, also after a restart.

    What was found while the database could not be written to is kept here, until it is checked again.
    """

    def __init__(self, store: Store, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._unsaved: tuple[Breach, ...] = ()
        self._looked_ms: int | None = None

    def breaches(self) -> list[Breach]:
        """What is broken and not lifted, the first one first.

        Raises:
            OperatorError: `db.*`.
        """
        with self._store.read() as work:
            return [*work.safety.breaches(), *self._unsaved]

    def require(self) -> None:
        """Go on only while nothing is broken.

        Raises:
            OperatorError: `ledger.unsafe`, `db.*`.
        """
        now_ms = self._now_ms()
        with self._lock:
            if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < KNOWN_FOR_MS:
                return
        if found := self.breaches():
            raise unsafe([each.difference for each in found])
        with self._lock:
            self._looked_ms = now_ms

    def stop(self, found: Sequence[Difference]) -> None:
        """Nothing is posted or sent from now on."""
        try:
            with self._store.write() as work:
                new = work.stop_posting(found)
                work.commit()
        except OperatorError:
            known = {each.difference.what for each in self._unsaved}
            fresh = tuple(Breach(self._now_ms(), each) for each in found if each.what not in known)
            new, self._unsaved = bool(fresh), self._unsaved + fresh
        if new:
            self.stopped()

    def stopped(self) -> None:
        """Tell everybody, here, that the books were found broken."""
        with self._lock:
            self._looked_ms = None
        self._changes.publish(Change("safety"), Change("activity"))

    # --- the way back

    def check_again(
        self,
        operator: str,
        progress: Callable[[int], None] = lambda _percent: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Breach]:
        """Recompute everything. When the books hold, posting and sending go on; else what is broken now.

        Raises:
            OperatorError: `check.stopped`, `db.*`; nothing has changed then.
        """
        found = self._everything(progress, cancelled)
        with self._store.write() as work:
            lifted = work.safety.lift(operator, {each.what for each in found})
            if found:
                work.stop_posting(found)
            elif lifted or self._unsaved:
                work.activity.record(operator, "let posting go on", "ledger", after="Everything was checked: it holds.")
            work.commit()
        self._unsaved = ()
        self.stopped()
        if not found:
            self._changes.publish(Change("outbox"), Change("events"))
        return self.breaches()

    def _everything(self, progress: Callable[[int], None], cancelled: Callable[[], bool]) -> list[Difference]:
        """In steps, so that it can be stopped; nothing is posted meanwhile that could change the answer."""
        found: list[Difference] = []
        place: Place | None = Place()
        while place is not None:
            if cancelled():
                raise OperatorError(
                    "The check was stopped; nothing has changed.", fix="Check again.", code="check.stopped"
                )
            with self._store.read() as work:
                step = work.verifier.step(place, ROWS_AT_ONCE)
                progress(work.verifier.percent(place))
            found += step.differences
            place = step.next
        with self._store.read() as work:
            return found + work.verifier.beyond_steps()

    def plan(self) -> list[Correction]:
        """What `mend` would do; empty when only a backup helps."""
        with self._store.read() as work:
            found = work.safety.breaches()
            if self._unsaved or not can_be_mended_here(found):
                return []
            return [Correction(each, _words(each.difference, work)) for each in found]

    def mend(self, operator: str, reason: str) -> list[Breach]:
        """Recount balances from their postings and reverse entries that are too many, then check again.

        Raises:
            OperatorError: `user.no_reason`, `ledger.only_backup`, `db.*`.
        """
        require_reason(reason)
        with self._store.write() as work:
            found = [each.difference for each in work.safety.breaches()]
            if self._unsaved or not can_be_mended_here(work.safety.breaches()):
                raise OperatorError(
                    "The entries themselves were changed; nothing in the books says how they were.",
                    fix="Restore the newest backup, then press Check again.",
                    code="ledger.only_backup",
                )
            for difference in sorted(found, key=lambda each: each.mend is Mend.REVERSE):
                words = _words(difference, work)
                _make_good(difference, work, self._now_ms(), operator)
                subject = f"user {difference.user_id}" if difference.user_id else "ledger"
                what = difference.what
                work.activity.record(operator, "mended the books", subject, before=what, after=words, reason=reason)
            work.commit()
        self._changes.publish(Change("balances"))
        return self.check_again(operator)


def _words(difference: Difference, work: Work) -> str:
    if difference.mend is Mend.RECOUNT:
        return f"The balance of user {difference.user_id} is added up from the postings again."
    fact = _reversal(difference, work, 0, "")
    if fact is None:
        return f"Entry {difference.entry_id} is not there; nothing is reversed."
    more, by = "more" if fact.owes_micros > 0 else "less", plain_dollars(abs(fact.owes_micros))
    return f"Entry {difference.entry_id} is reversed: user {fact.user_id} owes {by} {more}."


def _make_good(difference: Difference, work: Work, at_ms: int, operator: str) -> None:
    if difference.mend is Mend.RECOUNT and difference.user_id is not None:
        work.ledger.recount(difference.user_id)
    elif fact := _reversal(difference, work, at_ms, operator):
        work.ledger.post(fact)


def _reversal(difference: Difference, work: Work, at_ms: int, operator: str) -> Fact | None:
    """What takes the entry back that is too many; None when it is about no user, or not there."""
    entry = work.ledger.entry(difference.entry_id or 0)
    users = {posting.user_id for posting in entry.postings if posting.user_id} if entry else set()
    if entry is None or len(users) != 1:
        return None
    owed = sum(posting.micros for posting in entry.postings if posting.user_id)
    against = next(posting.account for posting in entry.postings if posting.user_id is None)
    memo = f"Takes entry {difference.entry_id} back"
    return Fact(
        EntryKind.REVERSAL,
        "entry",
        str(difference.entry_id),
        users.pop(),
        -owed,
        Account(against),
        at_ms,
        memo,
        operator,
        difference.entry_id,
    )
