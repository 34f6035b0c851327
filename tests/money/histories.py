"""Histories of one customer: what may happen, in any order, and an account of it that shares no code with ours."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from bioql_console.domain.checkout import AmountRefused
from bioql_console.domain.errors import OperatorError
from bioql_console.services.checkout_links import CheckoutLinks
from tests.money.consoles import Console, lose_answer
from tests.money.drifts import COUNTS, DRIFTS, wrong_from_the_start
from tests.money.money_goes_back import MoneyGoesBack
from tests.money.world import BACK, DAY, HOUR, World

CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail", None)
WELCOME_CENTS = 1_000

Step = tuple[str, int]
HAPPENS = (
    *("uses",) * 6,
    *("pays by link",) * 3,
    *("hours pass",) * 3,
    *("month ends",) * 2,
    *("pays by bank", "bank bounces"),
    *("asks for a link", "pays the old link", "uses much", "failed run", "adjusted", "refunded"),
    *("refunded", "disputed", "new card", "voided", "written off", "paid by hand", "arrives"),
    *("refund fails", "bank asks", "bank goes on", "bank goes on", "two consoles press", "answer is lost"),
    *("stripe is asked", "page is left open", "price is repaired"),
)
# What a meter has counted wrongly stays so at Stripe, though nobody pays for it: reconciliation rightly names it.
WRONG_METERS = (None, None, {"product": "Something else"}, COUNTS)


@dataclass(frozen=True)
class History:
    """What is drawn for one example."""

    card: str | None
    thresholds: bool
    steps: tuple[Step, ...]
    seed: int
    wrong: dict[str, Any] | None = None


def histories(names: tuple[str, ...], wrong: tuple[dict[str, Any] | None, ...]) -> st.SearchStrategy[History]:
    """Histories of what is named, which begin with a wrong meter or price where one is drawn."""
    steps = st.lists(st.tuples(st.sampled_from(names), st.integers(0, 2**16)), min_size=3, max_size=14)
    return st.builds(
        History,
        card=st.sampled_from(CARDS),
        thresholds=st.booleans(),
        steps=steps.map(tuple),
        seed=st.integers(0, 2**32),
        wrong=st.sampled_from(wrong),
    )


HISTORIES = histories(HAPPENS, (None,))
METER_HISTORIES = histories((*HAPPENS, "meter is repaired"), WRONG_METERS)


@dataclass
class Account:
    """What a customer truly owes, in cents, counted from what happened.

    Args:
        twice_cents: What was collected beyond what was owed at that moment. It must stay 0.
    """

    owed_cents: int = -WELCOME_CENTS
    twice_cents: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def look(self, world: World) -> None:
        """Count the cash that moved at Stripe since the last look; what a bank was asked for counts at once."""
        for charge in world.objects("charge"):
            before = self.seen.get(charge["id"])
            if before is None and charge["status"] != "failed":
                before = charge["amount"]
                self.twice_cents += max(0, before - max(0, self.owed_cents))
                self.owed_cents -= before
            if before is not None:
                now = 0 if charge["status"] == "failed" else charge["amount"] - charge["amount_refunded"]
                self.owed_cents += before - now
                self.seen[charge["id"]] = now
        for dispute in world.objects("dispute"):
            if dispute["status"] == "lost" and dispute["id"] not in self.lost:
                self.lost.add(dispute["id"])
                self.owed_cents += dispute["amount"]
            if dispute["status"] == "won" and dispute["id"] in self.lost:
                self.lost.remove(dispute["id"])
                self.owed_cents -= dispute["amount"]


class Life(MoneyGoesBack):
    """Plays a history. Messages on both sides arrive late, but within the hour that Stripe leaves for it."""

    def __init__(self, world: World, history: History) -> None:
        self.world, self.history = world, history
        self.random = random.Random(history.seed)
        world.control("thresholds", offered=history.thresholds)
        if history.wrong is not None:
            wrong_from_the_start(world, **history.wrong)
        self.user = world.register("ada", history.card)
        self.account = Account()
        self.link: Any = None
        self.addresses: list[str] = []
        self.other: Console | None = None

    def play(self) -> None:
        for name, number in self.history.steps:
            getattr(self, "_" + name.replace(" ", "_"))(number)
            self.account.look(self.world)
        if self.history.wrong is not None:
            self._repaired()
        self.rest()

    def rest(self) -> None:
        """Everything arrives."""
        self._arrives(0)
        self.account.look(self.world)

    def _arrives(self, _number: int) -> None:
        self.world.drain(self.random)

    def _uses(self, number: int) -> None:
        self._run(number % 400 + 1)

    def _uses_much(self, number: int) -> None:
        self._run(number % 2_000 + 500)

    def _run(self, shots: int) -> None:
        self.world.usage.record(self.world.user(self.user.id), shots=shots, backend="ionq_qpu")
        self.account.owed_cents += shots * 200

    def _failed_run(self, number: int) -> None:
        user = self.world.user(self.user.id)
        self.world.usage.record(user, shots=number + 1, backend="ionq_qpu", succeeded=False)

    def _pays_by_link(self, number: int) -> None:
        self._asks_for_a_link(number)
        self._pays_the_old_link(number)

    def _asks_for_a_link(self, number: int) -> None:
        self._arrives(0)
        owed = self.world.user(self.user.id).balance.owed_micros
        asked = None if number % 3 else max(500_000, owed * (number % 100) // 100)
        try:
            self.link = self.world.links.open(self.user.id, asked_micros=asked, **BACK)
            self.addresses.append(self.link.url)
        except AmountRefused:
            self.link = None
        except OperatorError as error:
            if error.code != "checkout.paying":
                raise

    def _two_consoles_press(self, number: int) -> None:
        """The other console's link comes between: ours gives way, or both have the same."""
        self._arrives(0)
        other = self._another_console()
        other.way.before = lambda: self._asks_for_a_link(number)
        self._presses(other.links)

    def _answer_is_lost(self, _number: int) -> None:
        self._arrives(0)
        other = self._another_console()
        other.way.after = lose_answer
        self._presses(other.links)

    def _another_console(self) -> Console:
        if self.other is None:
            self.other = Console(self.world)
        self.other.way.before = self.other.way.after = None
        return self.other

    def close(self) -> None:
        if self.other is not None:
            self.other.database.close()

    def _presses(self, links: CheckoutLinks) -> None:
        try:
            self.addresses.append(links.open(self.user.id, **BACK).url)
        except AmountRefused:
            pass
        except OperatorError as error:
            if error.code not in ("checkout.paying", "checkout.busy", "checkout.changed", "stripe.unreachable"):
                raise

    def _meter_is_repaired(self, number: int) -> None:
        self._is_changed_and_repaired([plant for plant, _ in DRIFTS.values()], number)

    def _price_is_repaired(self, number: int) -> None:
        self._is_changed_and_repaired([plant for name, (plant, _) in DRIFTS.items() if "price" in name], number)

    def _is_changed_and_repaired(self, drifts: list[Callable[[World], None]], number: int) -> None:
        """Somebody changed something at Stripe; some usage came since, and then it is mended."""
        self._arrives(0)
        with suppress(OperatorError):  # what it would make is there from the time before
            drifts[number % len(drifts)](self.world)
        self._run(number % 50 + 1)
        self._repaired()

    def _repaired(self) -> None:
        while (problem := self.world.meter_repair.repair("ana").problem) is not None:
            assert problem.code in ("meter.draft", "meter.unheard"), problem
            self.world.advance(HOUR)
            self._arrives(0)
            self.account.look(self.world)

    def _stripe_is_asked(self, _number: int) -> None:
        self.world.links.recover()

    def _page_is_left_open(self, number: int) -> None:
        """Whoever has any address that was ever handed out may try to pay there."""
        self._arrives(0)
        if self.addresses:
            self.world.pay(self.addresses[number % len(self.addresses)])

    def _pays_the_old_link(self, _number: int) -> None:
        # A link that asks for too much is closed within seconds; whoever is faster pays ahead.
        self._arrives(0)
        if self.link is not None:
            self.world.pay(self.link.url)

    def _pays_by_bank(self, number: int) -> None:
        self._asks_for_a_link(number)
        if self.link is not None:
            self.world.pay(self.link.url, bank_debit="succeeds")

    def _bank_bounces(self, number: int) -> None:
        self._asks_for_a_link(number)
        if self.link is not None:
            self.world.pay(self.link.url, bank_debit="bounces")

    def _hours_pass(self, number: int) -> None:
        self._arrives(0)
        self.world.advance(HOUR * (number % 40 + 1))

    def _month_ends(self, _number: int) -> None:
        self._arrives(0)
        now = self.world.now_ms() // 1000
        running = [each for each in self.world.objects("subscription") if each["status"] != "canceled"]
        ends = [each["items"]["data"][0]["current_period_end"] for each in running]
        self.world.advance(ends[0] - now if ends else 30 * DAY)
        self._arrives(0)
        self.account.look(self.world)
        self.world.advance(HOUR)

    def _adjusted(self, number: int) -> None:
        cents = number % 20_000 - 10_000
        if cents:
            self.world.admin.adjust(self.user.id, cents * 10_000, "ana", "as agreed")
            self.account.owed_cents += cents
        self._arrives(0)

    def _new_card(self, number: int) -> None:
        if self.history.card is not None:
            api, customer = self.world.stripe.gateway().v1, self.user.stripe_customer_id
            method = api.payment_methods.attach(CARDS[number % 2], {"customer": customer}).id
            api.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})

    def _open_invoice(self, number: int) -> str | None:
        found = self.world.objects("invoice", status="open")
        return found[number % len(found)]["id"] if found else None

    def _voided(self, number: int) -> None:
        self._arrives(0)
        if invoice := self._open_invoice(number):
            self.world.stripe.gateway().v1.invoices.void_invoice(invoice)

    def _written_off(self, number: int) -> None:
        self._arrives(0)
        if invoice := self._open_invoice(number):
            self.world.stripe.gateway().v1.invoices.mark_uncollectible(invoice)

    def _paid_by_hand(self, number: int) -> None:
        """Somebody lets Stripe charge another card for an invoice."""
        self._arrives(0)
        statuses = ("open", "uncollectible")
        found = [each for status in statuses for each in self.world.objects("invoice", status=status)]
        if found:
            api = self.world.stripe.gateway().v1
            method = api.payment_methods.attach(CARDS[0], {"customer": self.user.stripe_customer_id}).id
            api.invoices.pay(found[number % len(found)]["id"], {"payment_method": method})
