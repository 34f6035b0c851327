"""Stripe's reports of usage that it took first and refused later: fetched, and joined to the usage they are about.

A report names a few errors of each code. Which usage the others are is found out by comparing the meter's totals with
the books, minute by minute, where only one answer is possible; what stays open is said as a number.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import comb, prod
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter_errors import METER_REPORTS, ErrorReport, Refusal, explained
from bioql_console.domain.outbox import Message, MessageState
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_feed import ListedEvent
from bioql_console.services.event_intake import iso_ms
from bioql_console.services.ports import Store, Work
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_types import StripeEvent
from bioql_console.services.usage_meter import UsageMeter

RETRY_MS = 60_000
MINUTE_MS = 60_000
AT_ONCE = 20
# Our time of acceptance and Stripe's window are two clocks.
SLACK_MS = 10 * MINUTE_MS
MOST_MINUTES = 200
# How often, and how long, the totals are looked at again while they don't tell.
LATER_MS, PATIENCE_MS = 10 * MINUTE_MS, 120 * MINUTE_MS
# What came so lately may not be in the totals yet, or be refused by a report that is on its way.
UNSETTLED_MS = 60 * MINUTE_MS
# So many sums of a minute's usage are tried out, and choices between those of several minutes.
MOST_CHOICES = 5_000
FOREVER_MS = 2**62
# The number of the try, which our idempotency keys end with.
TRY = re.compile(r"/\d+$")
Answers = Sequence[Sequence[Message]]


class ErrorReports:
    """Does what is due; call it now and then.

    Args:
        meter_lag_ms: How long Stripe may take to count usage that it accepted.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        meter: UsageMeter,
        changes: Changes,
        now_ms: Callable[[], int],
        meter_lag_ms: int = 0,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._meter = meter
        self._changes = changes
        self._now_ms = now_ms
        self._meter_lag_ms = meter_lag_ms

    def run_due(self) -> int:
        """Fetch and join what was heard of, and narrow down what Stripe did not name. Returns how many reports."""
        now_ms = self._now_ms()
        with self._store.read() as work:
            to_fetch = work.error_reports.to_fetch(now_ms, AT_ONCE)
            to_narrow = work.error_reports.to_narrow(now_ms, AT_ONCE)
        done = sum(self._fetch(report) for report in to_fetch)
        for report in to_narrow:
            self._narrow(report)
        if to_fetch or to_narrow:
            self._changes.publish(Change("outbox-sent"), Change("events"))
        return done + len(to_narrow)

    def _fetch(self, heard: ErrorReport) -> bool:
        try:
            event = self._stripe.gateway().retrieve_thin_event(heard.event_id)
            report = _read(heard, event.body)
        except OperatorError as error:
            self._put_off(heard, error.what)
            return False
        except (ValueError, KeyError, TypeError, AttributeError):
            self._put_off(heard, "Stripe's report is not to be understood.")
            return False
        now_ms = self._now_ms()
        narrow_ms = max(now_ms, report.end_ms + self._meter_lag_ms) if report.unnamed else None
        with self._store.write() as work:
            joined = self._join(work, report)
            # Whoever is second finds it fetched, and rolls back with nothing changed.
            if work.error_reports.fetched(replace(report, joined=joined), now_ms, narrow_ms):
                work.commit()
        return True

    def _put_off(self, heard: ErrorReport, problem: str) -> None:
        with self._store.write() as work:
            work.error_reports.not_fetched(heard.event_id, problem, self._now_ms() + RETRY_MS)
            work.commit()

    def _join(self, work: Work, report: ErrorReport) -> int:
        """Usage that a report names is refused. What was sent again since, or was taken back, stays as it is."""
        names = [name for refusal in report.refusals for name, _ in refusal.samples]
        known = work.outbox.known_as([*names, *(TRY.sub("", name) for name in names)])
        joined = set()
        for refusal in report.refusals:
            for name, said in refusal.samples:
                bare = name if name in known else TRY.sub("", name)
                message = known.get(bare)
                if message is not None and message.identifier == bare and _was_taken(message):
                    words = f"{explained(refusal.code).words} Stripe: {said}"
                    work.outbox.refused_by_report(message.id, words, refusal.code, report.event_id)
                    joined.add(message.id)
        return len(joined)

    # --- what Stripe did not name

    def _narrow(self, report: ErrorReport) -> None:
        """Find what the meter lacks. Reports beside each other share it: only together can they tell all of it."""
        from_ms, until_ms = report.start_ms - SLACK_MS, report.end_ms + SLACK_MS
        with self._store.read() as work:
            beside = work.error_reports.open_between(from_ms, until_ms)
            sent = work.outbox.usage_sent(
                min((each.start_ms - SLACK_MS for each in beside), default=from_ms),
                max((each.end_ms + SLACK_MS for each in beside), default=until_ms),
            )
            all_fetched = not work.error_reports.to_fetch(FOREVER_MS, 1)
        if report.event_id not in {each.event_id for each in beside}:
            return  # another one of them told about it
        try:
            minutes = list(self._minutes(sent))
        except OperatorError:
            return  # it stays due
        open_count = sum(each.unnamed for each in beside)
        lacking = certain(minutes)
        if len(lacking) != open_count:
            # What was sent again is lacking too until it is counted, or named by another report.
            settled = all_fetched and all(self._now_ms() - (each.sent_ms or 0) > UNSETTLED_MS for each in sent)
            if self._now_ms() < report.end_ms + (PATIENCE_MS if settled else 2 * PATIENCE_MS):
                self._look_later(report)
                return
            lacking = so_many(minutes, open_count) if settled else lacking
        if len(lacking) == open_count:
            self._tell(beside, lacking)
        else:
            # When the meter lacks more than they say, that is not their doing alone.
            self._tell([report], lacking[: report.unnamed] if len(lacking) < open_count else [])

    def _look_later(self, report: ErrorReport) -> None:
        with self._store.write() as work:
            work.error_reports.narrow_later(report.event_id, self._now_ms() + max(self._meter_lag_ms, LATER_MS))
            work.commit()

    def _tell(self, told: Sequence[ErrorReport], lacking: Sequence[Message]) -> None:
        left = list(lacking)
        with self._store.write() as work:
            for report in told:
                found, left = left[: report.unnamed], left[report.unnamed :]
                for message in found:
                    words = (
                        f"{explained(report.unnamed_code).words} Found by the meter's total: Stripe did not name it."
                    )
                    work.outbox.refused_by_report(message.id, words, report.unnamed_code, report.event_id)
                work.error_reports.narrowed(report.event_id, len(found))
            work.commit()

    def _minutes(self, sent: Sequence[Message]) -> Iterator["Minute"]:
        """Each customer's minutes of usage, and what the meter lacks of them."""
        minutes: dict[tuple[int, str, int], list[Message]] = defaultdict(list)
        for message in sent:
            start_ms = message.occurred_ms // MINUTE_MS * MINUTE_MS
            minutes[message.user_id, message.stripe_customer_id, start_ms].append(message)
        for number, ((user_id, customer, start_ms), messages) in enumerate(minutes.items()):
            counted = self._meter.total(customer, start_ms, start_ms + MINUTE_MS) if number < MOST_MINUTES else None
            if counted is None:
                yield Minute(messages, None)
                return
            with self._store.read() as work:
                books = work.outbox.metered_cents(user_id, customer, start_ms, start_ms + MINUTE_MS)
            yield Minute(messages, books - int(counted))


@dataclass(frozen=True)
class Minute:
    """Usage of one customer in one minute.

    Args:
        lacking_cents: What the meter lacks of it; None where nobody can tell.
    """

    messages: Sequence[Message]
    lacking_cents: int | None

    def answers(self, most: int | None = None) -> Answers:
        """The messages that may be what is lacking, in every way that adds up to it; no way where too many could be.

        Of messages of the same value any one will do: it is their sum that counts.

        Args:
            most: How many they may be; any number when None.
        """
        if self.lacking_cents is None or self.lacking_cents <= 0:
            return [()] if self.lacking_cents == 0 else []
        values = [message.value for message in self.messages]
        if self.lacking_cents == sum(values):
            return [self.messages]
        if len(set(values)) == 1:
            count, rest = divmod(self.lacking_cents, values[0])
            return [self.messages[:count]] if not rest and count < len(values) else []
        sizes = range(1, min(len(values) - 1, len(values) if most is None else most) + 1)
        if sum(comb(len(values), size) for size in sizes) > MOST_CHOICES:
            return []
        found = {
            tuple(sorted(message.value for message in some)): some
            for size in sizes
            for some in combinations(self.messages, size)
            if sum(message.value for message in some) == self.lacking_cents
        }
        return list(found.values())


def only_answer(messages: Sequence[Message], lacking_cents: int) -> Sequence[Message]:
    """The messages that add up to what the meter lacks; none when others do as well."""
    found = Minute(messages, lacking_cents).answers()
    return found[0] if len(found) == 1 else ()


def certain(minutes: Sequence[Minute]) -> list[Message]:
    """What is lacking in the minutes that have one answer, whatever anybody counted."""
    found = (minute.answers() for minute in minutes)
    return [message for answers in found if len(answers) == 1 for message in answers[0]]


def so_many(minutes: Sequence[Minute], count: int) -> list[Message]:
    """What is lacking in all minutes, if one choice among their answers makes `count`; what is certain, else.

    The count tells only where every minute has an answer: what is lacking in another would be taken for theirs.
    """
    several = [minute.answers(count) for minute in minutes]
    if not several or prod(map(len, several)) > MOST_CHOICES:
        return certain(minutes)
    choices = [chosen for chosen in product(*several) if sum(map(len, chosen)) == count]
    return [message for found in choices[0] for message in found] if len(choices) == 1 else certain(minutes)


def _was_taken(message: Message) -> bool:
    """Also when the process ended before it could mark it as sent."""
    return message.state is MessageState.SENT or (message.state is MessageState.WAITING and message.attempts > 0)


def _read(heard: ErrorReport, body: bytes) -> ErrorReport:
    data: dict[str, Any] = json.loads(body)["data"]
    refusals = (
        Refusal(
            str(each["code"]),
            int(each["error_count"]),
            tuple(
                (str(sample["request"]["identifier"]), str(sample.get("error_message") or ""))
                for sample in each.get("sample_errors") or ()
            ),
        )
        for each in data["reason"]["error_types"]
    )
    return replace(
        heard,
        refusals=tuple(refusals),
        start_ms=iso_ms(data["validation_start"]),
        end_ms=iso_ms(data["validation_end"]),
    )


class ErrorReportFeed:
    """`/v2/core/events`: reports that no webhook brought. An `EventFeed`."""

    def __init__(self, stripe: StripeAccess) -> None:
        self._stripe = stripe

    def kinds(self) -> Sequence[str]:
        return METER_REPORTS

    def listed(self, since_ms: int) -> Iterator[ListedEvent]:
        try:
            for event in self._stripe.gateway().list_thin_events(since_ms, self.kinds()):
                yield ListedEvent(event.id, event.type, event.created_ms)
        except OperatorError as error:
            # A key or an account without v2 events must not keep the others from being fetched.
            if error.code not in ("stripe.permission", "stripe.not_found", "stripe.refused"):
                raise

    def retrieve(self, event_id: str) -> StripeEvent:
        return self._stripe.gateway().retrieve_thin_event(event_id)
