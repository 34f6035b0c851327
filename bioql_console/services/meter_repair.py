"""Bringing meter and price at Stripe to what they must be, one step after the other.

After each step Stripe is asked again and the rest is planned anew. So a repair that was cut off is gone on with, and
two consoles that repair at the same time do each step once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import INVOICE_SOURCE
from bioql_console.domain.meter import METER_NAME, PRODUCT_NAME
from bioql_console.domain.meter_repair import Found, Step, StepKind, Stray, kept_price, plan, target_meter
from bioql_console.services.changes import Change, Changes
from bioql_console.services.meter_setup import make_meter
from bioql_console.services.meter_survey import MeterSurvey
from bioql_console.services.ports import Store
from bioql_console.services.settlement import begin_subscription
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_errors import FINAL, CardRefused

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway

# A plan shrinks with each step; should two consoles undo each other's steps, this ends it.
MOST_STEPS = 40
# Why one subscription is moved later, and the others all the same.
LATER = ("meter.draft", "meter.unheard")
HELD = "The meter is being repaired."


@dataclass(frozen=True, slots=True)
class Repaired:
    """What came of a repair.

    Args:
        done: The steps, in order.
        left: What is still to do: after a cancel, or what Stripe refused.
        problem: Why it ended early; None when nothing is left or it was cancelled.
    """

    done: tuple[Step, ...]
    left: tuple[Step, ...]
    problem: OperatorError | None = None


class MeterRepair:
    """Plans and carries out.

    Args:
        hold, go_on: Keep usage from being sent while the meter changes, and send it on.
    """

    def __init__(
        self,
        stripe: StripeAccess,
        store: Store,
        changes: Changes,
        threshold_cents: int,
        *,
        hold: Callable[[str], None] = lambda _words: None,
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._stripe = stripe
        self._store = store
        self._changes = changes
        self._survey = MeterSurvey(stripe, store)
        self._threshold_cents = threshold_cents
        self._hold, self._go_on = hold, go_on

    def repair(
        self,
        operator: str,
        progress: Callable[[Step, int, int], None] = lambda _step, _done, _all: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Repaired:
        """Carry out what is planned, until nothing is left.

        Args:
            progress: Told before each step: the step, how many are done, how many there are in all.
            cancelled: Asked between two steps.
        """
        done: list[Step] = []
        failed: dict[str, OperatorError] = {}
        self._hold(HELD)
        try:
            while True:
                found = self._survey.look()
                steps = [step for step in plan(found) if step.subject not in failed]
                if failed:  # who could not be moved keeps the old price for now
                    steps = [step for step in steps if step.kind is not StepKind.ARCHIVE_PRICE]
                if not steps or cancelled() or len(done) >= MOST_STEPS + len(found.strays):
                    return Repaired(tuple(done), tuple(plan(found)), next(iter(failed.values()), None))
                step = steps[0]
                progress(step, len(done), len(done) + len(steps))
                try:
                    made = self._carry_out(step, found)
                except OperatorError as error:
                    if step.kind is not StepKind.MOVE_SUBSCRIPTION or error.code not in (*FINAL, *LATER):
                        return Repaired(tuple(done), tuple(steps), error)
                    failed[step.subject] = error  # the others can be moved all the same
                    continue
                self._record(operator, step, made)
                done.append(step)
        except OperatorError as error:
            return Repaired(tuple(done), (), error)
        finally:
            self._go_on()
            self._changes.publish(Change("outbox"), Change("activity"), Change("users"))

    def _record(self, operator: str, step: Step, made: str) -> None:
        with self._store.write() as work:
            work.activity.record(operator, step.kind.value, made, before=step.subject, reason=step.words)
            work.commit()

    def _carry_out(self, step: Step, found: Found) -> str:
        """Do it; answers the id of what there is now."""
        gateway, subject = self._stripe.gateway(), step.subject
        target = target_meter(found)
        simple: dict[StepKind, Callable[[], object]] = {
            StepKind.ARCHIVE_METER: lambda: gateway.deactivate_meter(subject),
            StepKind.REACTIVATE_METER: lambda: gateway.reactivate_meter(subject),
            StepKind.RENAME_METER: lambda: gateway.rename_meter(subject, METER_NAME),
            StepKind.RENAME_PRODUCT: lambda: gateway.change_product(subject, name=PRODUCT_NAME),
            StepKind.REACTIVATE_PRODUCT: lambda: gateway.change_product(subject, active=True),
            StepKind.TAKE_LOOKUP_KEY: lambda: gateway.take_lookup_key(subject),
            StepKind.REACTIVATE_PRICE: lambda: gateway.set_price_active(subject, active=True),
            StepKind.ARCHIVE_PRICE: lambda: gateway.set_price_active(subject, active=False),
        }
        if step.kind is StepKind.MAKE_METER:
            return make_meter(gateway).id
        if step.kind is StepKind.MAKE_PRICE:
            assert target is not None, "the plan makes or finds the meter first"
            return gateway.create_price(target.id, subject).id
        if step.kind is StepKind.MOVE_SUBSCRIPTION:
            stray = next(each for each in found.strays if each.subscription == subject)
            return self._move(gateway, stray, kept_price(found))
        simple[step.kind]()
        return subject

    def _move(self, gateway: "StripeGateway", stray: Stray, price: str) -> str:
        """A subscription to the right price in the place of another one.

        Usage that no invoice took ends with the old one, and what is owed by then goes to the customer's balance. The
        new one is made first: whose card is gone keeps what there is.
        """
        if stray.drafting:
            raise OperatorError(
                f"An invoice of {stray.user_name} is still being made; the subscription moves once it is open.",
                fix="Repair again in an hour.",
                code="meter.draft",
            )
        self._require_heard(gateway, stray)
        try:
            key = f"move-{stray.subscription}-{price}"
            made = gateway.subscribe(stray.customer, price, self._threshold_cents, key)
        except CardRefused as refused:
            raise OperatorError(
                f"{stray.user_name}'s subscription can't be moved: {refused}",
                fix="Ask for another card, then repair again.",
                code="stripe.refused",
            ) from refused
        with self._store.read() as work:
            user = work.users.get(stray.user_id)
            assert user is not None
        for old in {stray.subscription, user.stripe_subscription_id} - {made.id, None}:
            gateway.end_subscription(str(old))
        # It may have made an invoice right before its end; from now on it makes none.
        self._require_heard(gateway, stray)
        with self._store.write() as work:
            user = work.users.get(stray.user_id)
            assert user is not None
            if user.stripe_subscription_id != made.id:
                begin_subscription(work, user, made.id, made.started_ms)
                work.users.set_customer(user.id, stray.customer, made.id)
                work.users.set_threshold(user.id, made.threshold_by)
            work.commit()
        return made.id

    def _require_heard(self, gateway: "StripeGateway", stray: Stray) -> None:
        """What an invoice took that the books did not hear of would go to the balance as well, and be collected twice.

        Raises:
            OperatorError: `meter.unheard`.
        """
        standing = gateway.invoices_of(stray.customer)
        with self._store.read() as work:
            user = work.users.get(stray.user_id)
            assert user is not None
            for each in standing:
                known = work.invoices.get(each.id)
                from_before = each.created_ms < user.created_ms or work.ledger.postings_from(INVOICE_SOURCE, each.id)
                state = known.state.value if known else "void" if not from_before else each.status
                if state != each.status:
                    raise OperatorError(
                        f"The books have not heard of {stray.user_name}'s invoice {each.id} as it stands.",
                        fix="Fetch missed events on the Webhooks page, then repair again.",
                        code="meter.unheard",
                    )
