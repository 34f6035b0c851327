"""Sending what the ledger decided to tell Stripe: at least once, and exactly once in effect."""

import random
import threading
import uuid
from collections.abc import Callable, Collection, Sequence

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.meter_errors import METER_ERRORS, explained
from bioql_console.domain.outbox import LONGEST_WAIT_MS, MONEY, OLDEST_TAKEN_MS, USAGE, Message, MessageKind
from bioql_console.services.broken_off import BrokenOff
from bioql_console.services.bugs import note_bug
from bioql_console.services.changes import Change, Changes
from bioql_console.services.money_messages import FIRST_PAUSE_MS, MoneyMessages
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_errors import SlowDown
from bioql_console.services.usage_lane import WIDTH, UsageLane
from bioql_console.services.usage_meter import KNOWN, NO_METER, StripeUsageMeter, UsageMeter

LONGEST_PAUSE_MS = 15 * 60_000
# However long Stripe asks for: it is asked again then.
LONGEST_ASKED_MS = LONGEST_WAIT_MS // 2
IDLE_S = 5.0
BATCH = 500
# A dead process's messages are free again after this. Nothing is begun in the last part of it: the slowest call with
# its repeats takes less than that, so that nobody else begins while it is under way.
LEASE_MS = 180_000
LAST_START_MS = 60_000
LOCKED = "LIVE is locked."
IN_FUTURE = "timestamp_in_future"
TOO_OLD = "timestamp_too_far_in_past"
# Failures that pass by themselves, or once the operator has mended the credentials.
PASSING = frozenset(
    f"stripe.{code}"
    for code in ("unreachable", "failed", "busy", "rate_limited", "key_refused", "permission", "disabled")
) | {NO_METER}
# What goes wrong on this side of Stripe says nothing of a message either: database, books, keys, keychain, lock.
OURS = ("db.", "ledger.", "key.", "keychain.", "credentials.", "live.")


class OutboxSender:
    """Claims due messages, sends each, and only then marks it; what Stripe remembers makes a repeat harmless.

    Args:
        days_until_due: Of invoices that customers without a card are sent.
        meter_lag_ms: How long Stripe may take to count usage that it accepted.
        meter: What counts usage; Stripe's meter when None.
        width: How many usage events are under way at the same time.
        permits: Whether usage or money may be sent at all: in Live only what an operator armed.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        days_until_due: int = 30,
        meter_lag_ms: int = 0,
        *,
        meter: UsageMeter | None = None,
        width: int = WIDTH,
        permits: Callable[[Standing], bool] = lambda _kind: True,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._meter = meter or StripeUsageMeter(stripe.gateway)
        self._broken_off = BrokenOff(store, self._meter, now_ms)
        self._lane = UsageLane(self._meter, passes, width=width)
        self._money = MoneyMessages(store, stripe, self._meter, now_ms, days_until_due, meter_lag_ms)
        self._name = uuid.uuid4().hex
        self._permits = permits
        self._rests_until_ms = 0
        self._walls = 0
        self._held, self._why = "", ""

    def run(self, stop: threading.Event, wake: threading.Event, beside: Callable[[], int] = lambda: 0) -> None:
        """Send until told to stop; looks when woken, and every few seconds for what is due again.

        Args:
            beside: What else is done with Stripe on this thread, after each round; says how much it did.
        """
        while not stop.is_set():
            wake.clear()
            try:
                sent = self.send_due() + beside() if self._stripe.enabled else 0
            except OperatorError:
                sent = 0  # the books don't hold, the database is busy or the keychain locked; the window shows it
            except Exception as bug:
                note_bug(bug)
                sent = 0
            if not sent:
                wake.wait(IDLE_S)

    def close(self) -> None:
        """End the threads that send usage."""
        self._lane.close()

    def hold_usage(self, words: str) -> None:
        """Send no usage from here until `go_on_with_usage`, e.g. while the meter is replaced; money goes on."""
        self._held = words

    def go_on_with_usage(self) -> None:
        self._held, self._rests_until_ms = "", 0

    @property
    def rests(self) -> tuple[str, int]:
        """Why usage rests, and until when in ms (0: until somebody says so); two empty values while it flows."""
        if self._held:
            return self._held, 0
        if not self._permits(Standing.USAGE):
            return LOCKED, 0
        return (self._why, self._rests_until_ms) if self._resting() else ("", 0)

    def _resting(self) -> bool:
        """Not for long: the clock may have been set back since."""
        return 0 < self._rests_until_ms - self._now_ms() <= LONGEST_WAIT_MS

    def send_due(self, limit: int = BATCH) -> int:
        """Send what is due; no transaction is open while Stripe is asked. Returns how many were accepted."""
        count, wall = self._send_usage(limit)
        if wall is None or wall.code in ("stripe.rate_limited", NO_METER):
            count += self._send_money(limit)
        return count

    def _claim(self, limit: int, kinds: Collection[MessageKind]) -> list[Message]:
        with self._store.write() as work:
            work.safety.require_sound()
            claimed = work.outbox.claim(self._name, self._now_ms(), LEASE_MS, limit, kinds)
            work.commit()
        return claimed

    # --- usage

    def _send_usage(self, limit: int) -> tuple[int, OperatorError | None]:
        began_ms = self._now_ms()
        if self._held or self._resting() or not self._permits(Standing.USAGE):
            return 0, None
        # While Stripe is out of reach, a few messages are enough to find out that it is back.
        usage = self._claim(min(limit, WIDTH) if self._walls else limit, USAGE)
        if not usage:
            return 0, None
        certain = [message for message in usage if self._broken_off.is_certain(message)]
        lost = [message for message in usage if not self._broken_off.is_certain(message)]
        ready = [message for message in (*certain, *self._broken_off.settle(lost)) if self._may_be_sent(message)]
        sent = self._lane.send(ready, lambda: self._now_ms() - began_ms < LAST_START_MS)
        now_ms = self._now_ms()
        if sent.wall is not None:
            self._rest(sent.wall)
        elif sent.accepted:
            self._walls = 0
        with self._store.write() as work:
            accepted = list(sent.accepted)
            for message, error in sent.refused:
                if error.code == KNOWN and message.attempts > 0:
                    accepted.append(message)  # it arrived the time before
                else:
                    work.outbox.refused_try(message, error.what, _code_of(error))
            work.outbox.sent(accepted, now_ms)
            for message, error in sent.failed:
                work.outbox.failed(message, error.what, self._rests_until_ms)
            work.outbox.release(sent.untouched)
            work.commit()
        self._changes.publish(Change("outbox-sent"))
        return len(accepted), sent.wall

    def _rest(self, wall: OperatorError) -> None:
        """The lane as a whole rests, for as long as Stripe asks or each time longer."""
        pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(self._walls, 20))
        if isinstance(wall, SlowDown):
            pause = min(wall.pause_ms, LONGEST_ASKED_MS) or pause
        self._walls += 1
        self._why = wall.what
        self._rests_until_ms = self._now_ms() + round(pause * random.uniform(1.0, 1.2))

    def _may_be_sent(self, message: Message) -> bool:
        """Not what Stripe takes no more."""
        if message.occurred_ms >= self._now_ms() - OLDEST_TAKEN_MS:
            return True
        self._refuse(message, TOO_OLD)
        return False

    def _refuse(self, message: Message, code: str) -> None:
        with self._store.write() as work:
            work.outbox.refused_try(message, explained(code).words, code)
            work.commit()

    # --- money

    def _send_money(self, limit: int) -> int:
        if not self._permits(Standing.MONEY):
            return 0
        began_ms, count = self._now_ms(), 0
        money = self._claim(limit, MONEY)
        for number, message in enumerate(money):
            if self._now_ms() - began_ms >= LAST_START_MS:
                self._release(money[number:])
                break
            try:
                if self._money.send(message):
                    self._mark_sent(message)
                    count += 1
            except OperatorError as error:
                if error.code.startswith("db."):
                    raise  # it says nothing of the message, which is tried again when its lease ends
                self._give_back(message, error)
                if passes(error):
                    self._release(money[number + 1 :])  # the next ones would meet the same wall
                    break
        if money:
            self._changes.publish(Change("outbox-sent"))
        return count

    def _mark_sent(self, message: Message) -> None:
        with self._store.write() as work:
            work.outbox.sent([message], self._now_ms())
            work.commit()

    def _give_back(self, message: Message, error: OperatorError) -> None:
        with self._store.write() as work:
            if passes(error):
                pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(message.attempts, 20))
                # Spread out, so that a crowd of messages does not come back at once.
                due = self._now_ms() + round(pause * random.uniform(0.8, 1.2))
                work.outbox.failed(message, error.what, due)
            else:
                work.outbox.refused_try(message, error.what)
            work.commit()

    def _release(self, messages: Sequence[Message]) -> None:
        if messages:
            with self._store.write() as work:
                work.outbox.release(messages)
                work.commit()


def passes(error: OperatorError) -> bool:
    """Whether it is not about the message, which then is tried again; else Stripe takes it no more."""
    return error.code in PASSING or error.code.startswith(OURS)


def _code_of(error: OperatorError) -> str:
    """Stripe's own code in its words, where it is one of the meter's."""
    said = error.what.lower()
    if "in the future" in said:
        return IN_FUTURE  # refused at once it is told without its code
    return next((code for code in METER_ERRORS if code in said), "")
