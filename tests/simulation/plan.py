"""What is drawn from a seed: people, and steps, each with the troubles that meet it. Playing a plan draws nothing more.

So a step or a trouble can be left out without changing what the others are, and a long plan that breaks a promise can
be made short.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bioql_console.services.event_applier import TOGETHER

Place = Literal["commit", "request", "answer"]
CARDS = ("pm_card_visa", "pm_card_visa", "pm_card_chargeCustomerFail", None)

# How often each happens, beside the others.
PEOPLE = {
    "uses": 10,
    "uses much": 2,
    "registers": 1,
    "asks for a link": 5,
    "pays a page": 6,
    "pays by bank": 2,
    "pays by a bank that bounces": 1,
    "presses again": 4,
    "gets a new card": 1,
}
OPERATORS = {
    "adjusts": 2,
    "refunds": 2,
    "refunds at Stripe": 1,
    "voids an invoice": 1,
    "writes an invoice off": 1,
    "collects an invoice by hand": 1,
}
OTHERS = {"refund fails": 1, "bank disputes": 1, "bank asks": 1, "bank goes on": 2, "meter refuses usage": 1}
MACHINES = {
    "Stripe delivers": 14,
    "Stripe delivers again": 2,
    "Stripe tells twice": 1,
    "a delivery is lost": 2,
    "console sends": 12,
    "console applies": 4,
    "console fetches": 1,
    "console asks after links": 1,
    "console is killed": 1,
    "console starts": 4,
    "clock steps": 1,
}
# Only these are done by somebody who waits for an answer, and asks again when none comes.
ASKED = ("registers", "uses", "uses much", "adjusts", "refunds", "presses again")
# These ask Stripe nothing.
WITHIN = frozenset(("Stripe delivers", "Stripe delivers again", "Stripe tells twice", "console applies")) | frozenset(
    ("uses", "uses much", "adjusts")
)
TIME = {"minutes pass": 6, "hours pass": 3, "days pass": 1, "month ends": 1, "everything arrives": 2}
ALWAYS = {*MACHINES, *TIME, "uses", "asks for a link", "pays a page", "presses again"}

AT_COMMIT = ("dies before", "dies after", "disk fails")
AT_REQUEST = (
    *("dies before", "dies after", "never sent", "answer lost", "429", "500", "500 kept"),
    *("meanwhile before", "meanwhile after"),
)
# What may happen while another call is under way.
MEANWHILE = (
    *("uses", "pays a page", "pays by bank", "adjusts", "Stripe delivers", "Stripe delivers", "console sends"),
    *("console applies", "minutes pass", "asks for a link", "refunds at Stripe", "bank disputes"),
)


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong at the nth commit or request of a step, or happens beside it.

    At its answer: the answer does not reach who asked, though all was done.
    """

    place: Place
    nth: int
    what: str
    meanwhile: "Step | None" = None

    def words(self) -> str:
        if self.meanwhile is not None:
            return f"{self.what.removeprefix('meanwhile ')} request {self.nth}: {self.meanwhile.words()}"
        return f"{self.what}, at {self.place} {self.nth}"


@dataclass(frozen=True)
class Step:
    """One thing that happens.

    Args:
        at: Its place in the plan, from which its own dice come.
        who: Which console, user, page or invoice it is about, and how much: each step reads it in its own way.
    """

    at: int
    name: str
    who: int
    troubles: tuple[Trouble, ...] = ()

    def words(self) -> str:
        return "; ".join((f"{self.name} ({self.who})", *(each.words() for each in self.troubles)))


@dataclass(frozen=True)
class Plan:
    """A whole life.

    Args:
        cards: One for each user who is there from the beginning; None: pays by link only.
        thresholds: Whether Stripe makes invoices at a threshold, else the console does.
        consoles: Processes on the same ledger.
        retries: How often stripe-python asks again by itself.
        in_order: Stripe delivers in the order in which things happened.
        together: How many events share a transaction at most when they are applied.
    """

    seed: int
    cards: tuple[str | None, ...]
    thresholds: bool
    consoles: int
    retries: int
    in_order: bool
    steps: tuple[Step, ...]
    together: int = 1

    def words(self) -> str:
        cards = ", ".join(card or "no card" for card in self.cards)
        return (
            f"seed {self.seed}: {self.consoles} console(s), {self.retries} retries, users with {cards}, "
            f"thresholds by {'Stripe' if self.thresholds else 'the console'}, "
            f"events {'in order' if self.in_order else 'in any order'}, applied {self.together} at a time"
        )


def plan(seed: int, events: int) -> Plan:
    """The life that a seed stands for, of so many events."""
    dice = random.Random(f"plan {seed}")
    weights = {**PEOPLE, **OPERATORS, **OTHERS, **MACHINES, **TIME}
    # Each seed leaves some things out, so that others meet more often.
    kept = {name: weight for name, weight in weights.items() if name in ALWAYS or dice.random() < 0.6}
    at_commit = [what for what in AT_COMMIT if dice.random() < 0.5] or [dice.choice(AT_COMMIT)]
    at_request = [what for what in AT_REQUEST if dice.random() < 0.5]
    share = dice.choice((0.0, 0.1, 0.3, 0.5))
    # And does some things often, and often the same to the same.
    for name in dice.sample([each for each in kept if each not in TIME], 3):
        kept[name] *= 5
    names = dice.choices(list(kept), list(kept.values()), k=events)
    steps = []
    for number, name in enumerate(names):
        troubles = tuple(_troubles(dice, number, name, at_commit, at_request)) if dice.random() < share else ()
        steps.append(Step(number, name, dice.randrange(2**16), troubles))
    return Plan(
        seed,
        tuple(dice.choice(CARDS) for _ in range(dice.choice((1, 1, 2)))),
        dice.random() < 0.5,
        dice.choice((1, 1, 2)),
        dice.choice((0, 2)),
        dice.random() < 0.3,
        tuple(steps),
        dice.choice((1, TOGETHER)),
    )


def _troubles(
    dice: random.Random, number: int, name: str, at_commit: list[str], at_request: list[str]
) -> Iterator[Trouble]:
    if name in ASKED and dice.random() < 0.3:
        yield Trouble("answer", 1, "is lost")
        return
    for _ in range(dice.choice((1, 1, 2))):
        place: Place = "commit" if name in WITHIN or dice.random() < 0.4 else "request"
        of_place = at_commit if place == "commit" else at_request
        if not of_place:
            continue
        what, nth = dice.choice(of_place), dice.choice((1, 1, 1, 2, 2, 3, 4, 5, 6))
        beside = None
        if what.startswith("meanwhile"):
            own = tuple(_deaths(dice, at_commit))
            beside = Step(number, dice.choice(MEANWHILE), dice.randrange(2**16), own)
        yield Trouble(place, nth, what, beside)


def _deaths(dice: random.Random, at_commit: list[str]) -> Iterator[Trouble]:
    if at_commit and dice.random() < 0.2:
        yield Trouble("commit", dice.randint(1, 3), dice.choice(at_commit))
