"""The symptoms that BioQL's operators know, each as a check with its cure. Changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.paging import UserQuery
from bioql_console.domain.webhooks import EventState
from bioql_console.services.checks import CheckResult
from bioql_console.services.ports import Store, Work

if TYPE_CHECKING:
    from bioql_console.services.missed_events import MissedEvents

HOUR_MS = 3_600_000
RECENT_MS = 30 * DAY_MS
NAMED = 3
Look = Callable[[Work], CheckResult]


class Symptoms:
    """Checks of what goes wrong with users, keys and payments.

    Args:
        missed_events: None when Stripe can't be asked.
    """

    def __init__(self, store: Store, missed_events: "MissedEvents | None", now_ms: Callable[[], int]) -> None:
        self._store = store
        self._missed_events = missed_events
        self._now_ms = now_ms

    def all(self) -> tuple[Callable[[], CheckResult], ...]:
        """The checks, in the order in which to mend what they find."""
        return (
            self.customers,
            self.unbillable,
            self.api_keys,
            self.missed_payments,
            self.events,
            self.collected_twice,
            self.disputes,
        )

    def customers(self) -> CheckResult:
        """ "No Stripe customer ID found": their users rows have none."""

        def look(work: Work) -> CheckResult:
            missing = work.users.count(UserQuery(no_customer=True))
            if not missing:
                return CheckResult("customers", True, "Every user has a Stripe customer.")
            return CheckResult(
                "customers",
                False,
                f"{_users(missing)} no Stripe customer and can't pay.",
                "Users page, filter “No customer”, then Create Stripe customer.",
            )

        return self._read("customers", look)

    def unbillable(self) -> CheckResult:
        """Registered although Stripe refused the card, and running shots all the same."""

        def look(work: Work) -> CheckResult:
            found = work.users.unbillable(self._now_ms() - RECENT_MS)
            if not found:
                return CheckResult("unbillable", True, "Nobody runs shots that can't be billed.")
            names = _some([user.name for user in found])
            return CheckResult(
                "unbillable",
                False,
                f"{names} ran shots in the last 30 days that nobody can be billed for.",
                "Create their Stripe customer, or disable the key, on the Users page.",
            )

        return self._read("unbillable", look)

    def api_keys(self) -> CheckResult:
        """ "Invalid API key": somebody calls with a key that no user has."""

        def look(work: Work) -> CheckResult:
            refused = work.refused_keys.since(self._now_ms() - DAY_MS)
            if not refused:
                return CheckResult("api_keys", True, "No unknown API key was used in the last day.")
            hints = _some([f"{key.hint} ({key.count:,}×)" for key in refused])
            return CheckResult(
                "api_keys",
                False,
                f"Calls were refused as “Invalid API key”: {hints}.",
                "Look the key up on the Users page; if it was replaced, reissue it and tell its owner.",
                refused[0].hint.partition("…")[0],
            )

        return self._read("api_keys", look)

    def missed_payments(self) -> CheckResult:
        """The balance still shows after payment: the webhook was missed, unsigned or late."""
        name = "missed_payments"
        if self._missed_events is None:
            return CheckResult(name, None, "Missed events can't be looked up: the sandbox is not running.")
        try:
            missed = self._missed_events.recent()
        except OperatorError as error:
            return CheckResult(name, None, f"Missed events can't be looked up. {error.what}", error.fix)
        if not missed:
            return CheckResult(name, True, "Every event that Stripe has of the last day was heard.")
        kinds = _some(sorted({event.type for event in missed}))
        return CheckResult(
            name,
            False,
            f"{len(missed):,} events at Stripe were never heard here: {kinds}.",
            "Fetch them on the Webhooks page: each is applied once.",
        )

    def events(self) -> CheckResult:
        """Events that fit nothing and wait for an operator."""

        def look(work: Work) -> CheckResult:
            waiting = work.inbox.counts().get(EventState.QUARANTINED, 0)
            if not waiting:
                return CheckResult("events", True, "No event waits for a decision.")
            return CheckResult(
                "events",
                False,
                f"{waiting:,} {'event waits' if waiting == 1 else 'events wait'} in quarantine.",
                "Webhooks page, filter “Needs attention”: each says its reason.",
            )

        return self._read("events", look)

    def collected_twice(self) -> CheckResult:
        """Stripe bills what was already paid by link, because it was not told of the payment."""

        def look(work: Work) -> CheckResult:
            cents = work.outbox.stuck_credit_cents(self._now_ms() - HOUR_MS)
            if not cents:
                return CheckResult("collected_twice", True, "Stripe knows of every payment by link.")
            return CheckResult(
                "collected_twice",
                False,
                f"Stripe was not told of {plain_dollars(cents * 10_000)} paid by link: its next invoices would collect "
                "it again.",
                "Meter page, outbox: see why it was refused, then send it again.",
            )

        return self._read("collected_twice", look)

    def disputes(self) -> CheckResult:
        """A bank asks, and decides against us when nobody answers in time."""

        def look(work: Work) -> CheckResult:
            waiting = work.money_back.to_answer()
            if not waiting:
                return CheckResult("disputes", True, "No dispute waits for an answer.")
            cents = sum(each.cents for each in waiting)
            due_ms = min((each.due_ms for each in waiting if each.due_ms is not None), default=None)
            until = "" if due_ms is None else f", the first until {datetime.fromtimestamp(due_ms / 1000, UTC):%d %B}"
            asks = "1 dispute asks" if len(waiting) == 1 else f"{len(waiting):,} disputes ask"
            return CheckResult(
                "disputes",
                False,
                f"{asks} for evidence{until}: {plain_dollars(cents * 10_000)}.",
                "Payments page, Refunds and disputes: answer with evidence, or accept.",
            )

        return self._read("disputes", look)

    def _read(self, name: str, look: Look) -> CheckResult:
        try:
            with self._store.read() as work:
                return look(work)
        except OperatorError as error:
            return CheckResult(name, None, "The ledger can't be read.", error.fix)


def _users(number: int) -> str:
    return "1 user has" if number == 1 else f"{number:,} users have"


def _some(names: list[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED:,} more"
