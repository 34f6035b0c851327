"""One process of a team: a `serve` or a console without its window, on a shared database and a shared sandbox.

`python -m tests.soak.around_operators.process ORDERS.json` runs until its standard input ends; see `Orders` for what is
in the file. It says "ready", then for a console a word for each deed that was done.
"""

import json
import random
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bioql_console.core import Core, StripeSecrets, now_ms
from bioql_console.domain.checkout import AmountRefused, CheckoutState, NoCustomer
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import CheckoutQuery, TicketQuery, UserQuery
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.tickets import Priority, TicketState
from bioql_console.domain.users import Plan, User
from bioql_console.embedded import server_app
from bioql_console.server.host import Host, Served, bind
from bioql_console.services.registration import EmailTaken, PaymentRefused
from bioql_console.settings import Settings
from bioql_console.storage.database import Database

PAUSE_S = 0.02
# What an operator reads and goes on: somebody was faster, or Stripe does not answer now.
REFUSALS = (OperatorError, AmountRefused, NoCustomer, EmailTaken, PaymentRefused)
ANYWHERE = "http://127.0.0.1/back"


@dataclass(frozen=True)
class Orders:
    """What one process is told.

    Args:
        port: Where it serves; 0 for a console.
    """

    name: str
    port: int
    database: str
    stripe_base: str
    secret_key: str
    webhook_secrets: tuple[str, ...]
    data_dir: str
    seed: int

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


def run(orders: Orders) -> None:
    settings = replace(Settings(), requests_per_second=10_000, registrations_per_minute=10_000)
    secrets = StripeSecrets(lambda: orders.secret_key, lambda: orders.webhook_secrets)
    folder = Path(orders.data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        try:
            ledger = Database(orders.database, now_ms)
            core = Core(Environment.SANDBOX, settings, folder, ledger, secrets, orders.stripe_base)
            break
        except OperatorError as error:
            if error.code != "db.unreachable":
                raise
            say("started anew")  # as whoever looks after it does, when its first connection was cut
    core.start()
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    host = None
    if orders.port:
        listening = bind("127.0.0.1", orders.port)
        host = Host([Served(server_app(core, settings, f"http://127.0.0.1:{orders.port}"), listening)])
        host.start()
        core.listener.turn_on(f"http://127.0.0.1:{orders.port}/webhooks/stripe")
    say("ready")
    if host is None:
        operator = RandomOperator(core, orders.name, random.Random(orders.seed))
        while not ended.wait(PAUSE_S):
            say(operator.does_something())
    ended.wait()
    if host is not None:
        host.stop()
    core.close()


def _wait_for_the_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


class RandomOperator:
    """Somebody who does what operators do, without sense."""

    def __init__(self, core: Core, name: str, chance: random.Random) -> None:
        self._core, self._name, self._chance = core, name, chance

    def does_something(self) -> str:
        """The deed, or why it was refused."""
        deeds: tuple[tuple[int, Callable[[], object]], ...] = (
            (2, self._registers),
            (6, self._adjusts),
            (6, self._edits),
            (8, self._makes_a_link),
            (2, self._closes_a_link),
            (3, self._refunds),
            (4, self._answers_a_ticket),
            (1, self._sets_a_price),
        )
        (deed,) = self._chance.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])
        try:
            deed()
        except REFUSALS as refusal:
            return f"refused {getattr(refusal, 'code', type(refusal).__name__)}"
        return deed.__name__.strip("_")

    def _somebody(self) -> User:
        with self._core.database.read() as work:
            found = work.users.page(UserQuery(sort="created", descending=True), None, 30).rows
        if not found:
            raise OperatorError("Nobody is registered yet.", fix="Wait.", code="user.unknown")
        return self._chance.choice(found)

    def _registers(self) -> None:
        name = f"{self._name} {uuid.uuid4().hex[:8]}"
        card = self._chance.choice(("pm_card_visa", None, None))
        email = f"{name.replace(' ', '.')}@uni.example"
        self._core.registration.register(name, email, card, True, self._name)

    def _adjusts(self) -> None:
        cents = self._chance.choice((-1, 1, 1)) * self._chance.randint(1, 5_000)
        self._core.users.adjust(self._somebody().id, cents * 10_000, self._name, "at random", uuid.uuid4().hex)

    def _edits(self) -> None:
        user = self._somebody()
        if self._chance.random() < 0.7:
            self._core.users.set_plan(
                user.id, self._chance.choice(list(Plan)), self._name, "at random", seen_version=user.version
            )
        else:
            self._core.users.set_disabled(user.id, not user.disabled, self._name, "at random", user.version)

    def _makes_a_link(self) -> None:
        user = self._somebody()
        part = user.balance.owed_micros // 2 if self._chance.random() < 0.3 else None
        self._core.checkouts.open(
            user.id, asked_micros=part, success_url=ANYWHERE, cancel_url=ANYWHERE, operator=self._name
        )

    def _closes_a_link(self) -> None:
        with self._core.database.read() as work:
            links = work.checkouts.unfinished()
        if links:
            self._core.checkouts.expire(self._chance.choice(links).reference, self._name)

    def _refunds(self) -> None:
        with self._core.database.read() as work:
            links = work.checkouts.page(CheckoutQuery(), None, 50).rows
        paid = [link for link in links if link.state is CheckoutState.PAID and link.payment_intent]
        if not paid:
            return
        seen = self._core.refunds.look(self._chance.choice(paid).payment_intent)
        cents = self._chance.randint(1, max(1, seen.left_cents))
        forgive = self._chance.random() < 0.5
        self._core.refunds.refund(seen, cents, RefundReason.REQUESTED, "at random", self._name, forgive=forgive)

    def _answers_a_ticket(self) -> None:
        with self._core.database.read() as work:
            tickets = work.tickets.page(TicketQuery(), None, 20).rows
        if not tickets or self._chance.random() < 0.3:
            self._core.support.open(self._somebody().id, self._chance.choice(list(Priority)), "Help", "Please.")
            return
        ticket = self._chance.choice(tickets)
        if ticket.state is TicketState.OPEN:
            self._core.support.resolve(ticket.id, "done at random", self._name, ticket.version)
        else:
            self._core.support.reopen(ticket.id, "at random", self._name, ticket.version)

    def _sets_a_price(self) -> None:
        self._core.tariff.set_price("ionq_qpu", self._chance.randint(1, 300) * 10_000, None, self._name, "at random")


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    run(Orders(**{**told, "webhook_secrets": tuple(told["webhook_secrets"])}))
