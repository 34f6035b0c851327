"""Realistic, deterministic data for trying the console: the same seed gives the same people and the same cents."""

import hashlib
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.ledger import Fact, payment_fact, usage_fact, welcome_credit_fact
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.prices import DEFAULT_PRICES_MICROS, Price, PriceList
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.domain.usage import Usage
from bioql_console.domain.users import ApiKey, NewUser, Plan

WELCOME_CREDIT_MICROS = 10_000_000
GIVEN = (  # noqa: SIM905  # words read better as words
    "Ana Kenji Lucía Priya Marek Chloé Omar Ingrid Wei Tom Sofia David Elena Lars Maya Hugo Nora Arjun Beatriz Yusuf "
    "Amara Søren Leila Mateo Hana Igor Freya Tariq Camille Diego Aisha Pavel Greta Rohan Inés Jonas Mei Farid Olga Kofi"
).split()
FAMILY = (  # noqa: SIM905
    "Beltrán Watanabe Fernández Raman Nowak Martin Haddad Solberg Zhang O’Neill Rossi Okafor Petrova Nyström Cohen "
    "Silva Lind Patel Costa Demir Diallo Jensen Hosseini Vargas Kobayashi Volkov Andersen Rahman Laurent Castillo"
).split()
PLACES = ("uni.example", "quantum-lab.example", "pharma.example", "institute.example", "biotech.example")
# How often each backend is used, and with how many shots a run.
RUNS = (
    ("simulator", 46, (200, 4_000)),
    ("aws_sv1", 18, (100, 3_000)),
    ("aws_tn1", 8, (100, 1_500)),
    ("ibm_torino", 10, (5, 60)),
    ("ibm_brisbane", 7, (5, 60)),
    ("ionq_qpu", 6, (5, 50)),
    ("ionq_forte", 3, (2, 30)),
    ("quera_aquila", 2, (2, 20)),
)


WRITTEN = (
    (Priority.CRITICAL, "Pay Now shows an error", 'I get "No Stripe customer ID found" since this morning.'),
    (Priority.HIGH, "Charged for a failed run?", "Run 4711 on ibm_torino failed, is it on my bill?"),
    (Priority.HIGH, "Key no longer works", "Since Monday: Invalid API key. Nothing was changed on our side."),
    (Priority.MEDIUM, "Invoice address", "Our institute moved. Please put the new address on invoices:\nParkring 4."),
    (Priority.MEDIUM, "Limit for next month", "We plan 80,000 simulator shots. Which plan do we need?"),
    (Priority.LOW, "Thank you", "The new dashboard is great."),
)
TICKET_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class DemoUser:
    """One made-up person with everything that happened to them, oldest first."""

    user: NewUser
    api_key: str
    disabled: bool
    usage: tuple[Usage, ...]
    facts: tuple[Fact, ...]
    tickets: tuple[Ticket, ...] = ()

    def metered(self) -> Iterator[tuple[Usage, int]]:
        """Every run with the whole cents that went to the meter with it."""
        total_micros = 0
        for usage in self.usage:
            before, total_micros = total_micros, total_micros + usage.cost_micros
            yield usage, total_micros // MICROS_PER_CENT - before // MICROS_PER_CENT


def demo_api_key(seed: int, number: int) -> str:
    """The key of the n-th demo user; worthless anywhere else."""
    return "bioql_demo_" + hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()[:24]


def demo_users(count: int, seed: int, now_ms: int) -> Iterator[DemoUser]:
    """People with ids 1…count. The first is Dr. Jane Smith, who owes exactly $350.00."""
    prices = PriceList(tuple(Price(pattern, micros, 0) for pattern, micros in DEFAULT_PRICES_MICROS.items()))
    for number in range(1, count + 1):
        maker = _Maker(number, seed, now_ms, prices)
        yield maker.jane() if number == 1 else maker.somebody()


class _Maker:
    """Makes one person. Each has a random stream of their own, so a bigger demo begins with the smaller one."""

    def __init__(self, number: int, seed: int, now_ms: int, prices: PriceList) -> None:
        self.number = number
        self.seed = seed
        self.now_ms = now_ms - now_ms % 60_000
        self.prices = prices
        self.random = random.Random(f"{seed}/{number}")
        self.usage: list[Usage] = []
        self.facts: list[Fact] = []

    def jane(self) -> DemoUser:
        created = self.now_ms - 40 * DAY_MS
        self._welcome(created)
        self._run("simulator", 6_000, self.now_ms - 12 * DAY_MS)
        self._run("ibm_torino", 100, self.now_ms - 11 * DAY_MS)
        return self._finish("Dr. Jane Smith", "jane.smith@uni.example", Plan.PRO, created, customer=True)

    def somebody(self) -> DemoUser:
        name = f"{self.random.choice(GIVEN)} {self.random.choice(FAMILY)}"
        created = self.now_ms - self.random.randint(1, 200) * DAY_MS - self.random.randint(0, DAY_MS)
        self._welcome(created)
        if self.random.random() < 0.82:
            self._history(created)
        plan = self.random.choices(list(Plan), (50, 25, 20, 5))[0]
        email = f"{_ascii(name)}.{self.number}@{self.random.choice(PLACES)}"
        customer = self.random.random() < 0.95
        return self._finish(name, email, plan, created, customer, disabled=self.random.random() < 0.02)

    def _history(self, created: int) -> None:
        """Runs on some days; most people pay from time to time, some let it grow."""
        active = self.random.choice((0.03, 0.08, 0.15, 0.3))
        pays = self.random.choice((0.0, 0.35, 0.7, 0.9))
        owed = -WELCOME_CREDIT_MICROS
        day = created
        while (day := day + DAY_MS) < self.now_ms:
            if self.random.random() < active:
                backend, _, (least, most) = self.random.choices(RUNS, [weight for _, weight, _ in RUNS])[0]
                at = min(day + self.random.randint(0, DAY_MS - 1), self.now_ms)
                succeeded = self.random.random() < 0.97
                owed += self._run(backend, self.random.randint(least, most), at, succeeded=succeeded)
            if owed > 40_000_000 and self.random.random() < pays / 20:
                at = min(day + DAY_MS - 1, self.now_ms)
                self._pay(owed, at)
                owed = 0

    def _welcome(self, at_ms: int) -> None:
        self.facts.append(welcome_credit_fact(self.number, WELCOME_CREDIT_MICROS, at_ms))

    def _run(self, backend: str, shots: int, at_ms: int, *, succeeded: bool = True) -> int:
        each = self.prices.micros_per_shot(backend, at_ms)
        cost = shots * each if succeeded else 0
        usage_id = f"demo-{self.number}-{len(self.usage) + 1}"
        self.usage.append(Usage(usage_id, self.number, backend, shots, each, cost, succeeded, at_ms))
        if cost:
            self.facts.append(usage_fact(usage_id, self.number, cost, at_ms, f"{backend} · {shots:,} shots"))
        return cost

    def _pay(self, micros: int, at_ms: int) -> None:
        payment_intent = f"pi_demo{self.number}x{len(self.facts)}"
        self.facts.append(payment_fact(payment_intent, self.number, micros, at_ms, "Checkout payment"))

    def _finish(
        self, name: str, email: str, plan: Plan, created: int, customer: bool, disabled: bool = False
    ) -> DemoUser:
        key = demo_api_key(self.seed, self.number)
        user = NewUser(name, email, ApiKey.of(key), created, plan, f"cus_demo{self.number:07d}" if customer else None)
        return DemoUser(user, key, disabled, tuple(self.usage), tuple(self.facts), self._tickets())

    def _tickets(self) -> tuple[Ticket, ...]:
        """What some of them wrote to support; drawn apart, so that it changes nothing else."""
        drawn = random.Random(f"{self.seed}/{self.number}/tickets")
        if drawn.random() >= TICKET_SHARE:
            return ()
        priority, subject, message = drawn.choice(WRITTEN)
        written = self.now_ms - drawn.randint(1, 20 * DAY_MS)
        number = f"TKT-{drawn.getrandbits(40):010X}"
        if drawn.random() < 0.35:
            done = written + (self.now_ms - written) // 2
            resolved = (TicketState.RESOLVED, written, done, "Answered by e-mail", "ana")
            return (Ticket(number, self.number, priority, subject, message, *resolved),)
        return (Ticket(number, self.number, priority, subject, message, TicketState.OPEN, written),)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return ".".join("".join(letter for letter in word if letter.isalnum()) for word in plain.lower().split())
