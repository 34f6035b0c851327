"""Usage whose first try broke off so long ago that Stripe may have forgotten its identifier: was it counted?

The meter's total of the run's minute tells, where nothing else of that minute is on its way. What it lacks is sent
under another identifier, so that it does not matter what Stripe remembers of the first.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter_errors import UNCLEAR, explained
from bioql_console.domain.outbox import REMEMBERED_MS, Message, MessageState
from bioql_console.services.error_reports import UNSETTLED_MS, only_answer
from bioql_console.services.ports import Store
from bioql_console.services.usage_meter import UsageMeter

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
# Stripe remembers an identifier for a day; an hour is kept for clocks that differ.
CERTAIN_MS = REMEMBERED_MS - HOUR_MS
BESIDE = "Waits for other usage of the same minute, so that the meter's total can tell whether it was counted."


class BrokenOff:
    """Settles claimed usage by the meter's totals."""

    def __init__(self, store: Store, meter: UsageMeter, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._meter = meter
        self._now_ms = now_ms

    def is_certain(self, message: Message) -> bool:
        """Whether Stripe would still know any earlier try of it."""
        if message.first_tried_ms is None:
            return True
        # Ahead of us: one of the two clocks is wrong, and nobody knows how long ago it was.
        return -HOUR_MS < self._now_ms() - message.first_tried_ms < CERTAIN_MS

    def settle(self, messages: Sequence[Message]) -> list[Message]:
        """What was not counted, to be sent under a new identifier. The others are marked, or put off."""
        minutes: dict[tuple[int, str, int], list[Message]] = defaultdict(list)
        for message in messages:
            start_ms = message.occurred_ms // MINUTE_MS * MINUTE_MS
            minutes[message.user_id, message.stripe_customer_id, start_ms].append(message)
        return [each for (_, _, start_ms), group in minutes.items() for each in self._minute(group, start_ms)]

    def _minute(self, group: Sequence[Message], start_ms: int) -> list[Message]:
        customer, end_ms = group[0].stripe_customer_id, start_ms + MINUTE_MS
        before = self._beside(group, start_ms)
        try:
            counted = self._meter.total(customer, start_ms, end_ms)
        except OperatorError as error:
            return self._put_off(group, error.what)
        beside = self._beside(group, start_ms)
        known = sum(other.value for other in beside if other.state is MessageState.SENT)
        tried = [other for other in beside if other.state is MessageState.WAITING]
        on_its_way = any(self._is_on_its_way(other) for other in beside)
        if counted is None or before != beside or on_its_way or (tried and counted != known):
            return self._put_off(group, BESIDE)
        if counted == known:
            return self._renamed(group)  # nor was what else broke off in this minute
        arrived = {message.id for message in only_answer(group, int(counted) - known)}
        if not arrived:
            return self._give_up(group)
        with self._store.write() as work:
            for message in group:
                if message.id in arrived:
                    # No later than this it came, as far as Stripe's day for taking it back is concerned.
                    work.outbox.sent([message], message.first_tried_ms or self._now_ms())
            work.commit()
        return self._renamed([message for message in group if message.id not in arrived])

    def _beside(self, group: Sequence[Message], start_ms: int) -> list[Message]:
        """Other usage of the minute that Stripe has, or may have."""
        first, own = group[0], {message.id for message in group}
        with self._store.read() as work:
            found = work.outbox.usage_of(first.user_id, first.stripe_customer_id, start_ms, start_ms + MINUTE_MS)
        return [other for other in found if other.id not in own]

    def _is_on_its_way(self, other: Message) -> bool:
        if other.state is MessageState.SENT:
            return self._now_ms() - (other.sent_ms or 0) < UNSETTLED_MS
        return self.is_certain(other)

    def _put_off(self, group: Sequence[Message], words: str) -> list[Message]:
        # At a whole minute, so that all of them are claimed together.
        due_ms = (self._now_ms() // MINUTE_MS + 1) * MINUTE_MS
        with self._store.write() as work:
            for message in group:
                work.outbox.postpone(message, words, due_ms)
            work.commit()
        return []

    def _give_up(self, group: Sequence[Message]) -> list[Message]:
        with self._store.write() as work:
            for message in group:
                work.outbox.refused_try(message, explained(UNCLEAR).words, UNCLEAR)
            work.commit()
        return []

    def _renamed(self, group: Sequence[Message]) -> list[Message]:
        if not group:
            return []
        with self._store.write() as work:
            renamed = [work.outbox.rename(message, self._now_ms()) for message in group]
            work.commit()
        return [message for message in renamed if message is not None]
