"""The first flow, from registration to refund, on a way to Stripe on which some of the calls fail."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.users import User
from bioql_console.services.changes import Changes
from bioql_console.services.refunds import Refunds
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.stripe_transport import Limits
from tests.money.world import BACK, HOUR, InProcess, World

R = TypeVar("R")
Fault = dict[str, object]
# Failures after which an operator presses the button again, or the outbox sends again.
PASSES = frozenset(("stripe.unreachable", "stripe.failed", "stripe.busy", "stripe.rate_limited", "checkout.busy"))
MOST_TRIES = 80
NOWHERE = "http://127.0.0.1:1"
FAULTS: dict[str, Fault] = {
    "429": {"status": 429},
    "500": {"status": 500},
    "500 repeated for its key": {"status": 500, "kept": True},
    "answer lost": {"status": "reset"},
    "never answered": {"status": "hang"},
}


@dataclass
class Counted:
    """A way to the sandbox that counts the requests."""

    inner: InProcess
    requests: int = 0

    def request(self, *args: Any) -> tuple[str, int, Mapping[str, str]]:
        self.requests += 1
        return self.inner.request(*args)


class Flow:
    """Three customers: one with a card, one who is sent an invoice, one who pays by links.

    Args:
        retries: How often stripe-python tries again by itself. Without, all failures reach our services.
        base: Where the world's sandbox is served; None: without sockets.
    """

    def __init__(self, world: World, retries: int = 2, base: str | None = None) -> None:
        self.world, self.way = world, Counted(InProcess(world.sandbox))
        # Pauses are the transport's, and tested there.
        limits = Limits(read_s=0.8, network_retries=retries, rate_limit_retries=retries, longest_pause_ms=0)
        gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base=base or NOWHERE, limits=limits)
        world.stripe._gateway = gateway
        if base is None:
            door: _Door = gateway.v1._requestor._client
            door._client = lambda: self.way  # type: ignore[method-assign, return-value, assignment]
            door._sleep_time_seconds = lambda *_: 0  # type: ignore[method-assign, assignment]
        self.refunds = Refunds(world.database, world.stripe, world.admin, Changes(), world.now_ms)
        self.tries = 0

    def play(self) -> None:
        ada = self.pressed(lambda: self.world.register("ada", "pm_card_visa"))
        bo = self.pressed(lambda: self.world.register("bo", None))
        cy = self.pressed(lambda: self.world.register("cy", None))
        for user, shots in ((ada, 300), (bo, 700), (cy, 350)):
            for _ in range(3):
                self.uses(user, shots // 3)
        self.settle()
        self.uses(ada, 1_300)  # over the threshold: Stripe makes an invoice and charges the card
        self.uses(bo, 1_000)  # over it: this console makes the invoice
        self.settle()
        self.world.advance(3 * HOUR)
        self.settle()
        self.pays(cy)
        self.uses(cy, 250)
        self.pays(cy, bank_debit="succeeds")
        self.pays(bo)
        self.refunds_part(cy)
        self.settle()

    def uses(self, user: User, shots: int) -> None:
        self.world.usage.record(self.world.user(user.id), shots=shots, backend="ionq_qpu")

    def pays(self, user: User, **how: str) -> None:
        self.settle()
        link = self.pressed(lambda: self.world.links.open(user.id, **BACK))
        assert self.world.pay(link.url, **how) == 303
        self.settle()
        self.world.advance(24 * HOUR)
        self.settle()

    def refunds_part(self, user: User) -> None:
        payment = self.world.objects("charge", customer=user.stripe_customer_id)[0]["payment_intent"]
        seen, reason = self.refunds.look(payment), RefundReason.REQUESTED
        self.pressed(lambda: self.refunds.refund(seen, 1_234, reason, "asked for", "ana", forgive=True))
        self.settle()

    def pressed(self, act: Callable[[], R]) -> R:
        """What comes of an act that is tried again until it works, with events on their way meanwhile."""
        for _ in range(MOST_TRIES):
            self.tries += 1
            try:
                return act()
            except OperatorError as error:
                if error.code not in PASSES:
                    raise
                self.world.advance(20)
                if events := self.world.pending_events():
                    self.world.deliver(events)
        raise AssertionError("it never works")

    def settle(self) -> None:
        """Everything that is on its way arrives, however often it is tried."""
        for _ in range(MOST_TRIES):
            self.world.advance(60)
            events, sent = self.world.pending_events(), self.world.send()
            if events:
                self.world.deliver(events)
            if not events and not sent and not self.world.waiting():
                return
            if not sent and self.world.waiting():
                self.world.advance(15 * 60)
        raise AssertionError("it never comes to rest")


def outcome(world: World) -> dict[str, Any]:
    """What must be the same however many calls failed: money, and how many of each thing."""
    customers = {each["id"]: each["name"] for each in world.objects("customer")}

    def by_name(kind: str, *names: str) -> list[Any]:
        found = [
            [customers.get(each.get("customer"), ""), *(each[name] for name in names)] for each in world.objects(kind)
        ]
        return sorted(found, key=json.dumps)

    sessions = [each for each in world.objects("checkout.session") if each["status"] != "expired"]
    metered = world.sandbox._store.db.execute(
        "SELECT customer, sum(CAST(value AS INTEGER)), count(*) FROM meter_events GROUP BY customer"
    )
    return {
        "customers": sorted(customers.values()),
        "balances": by_name("customer_balance_transaction", "amount", "type"),
        "subscriptions": by_name("subscription", "status"),
        "sessions": sorted(
            [each["client_reference_id"].split("-")[2], each["status"], each["amount_total"]] for each in sessions
        ),
        "charges": by_name("charge", "amount", "amount_refunded", "status"),
        "refunds": sorted(each["amount"] for each in world.objects("refund")),
        "invoices": by_name("invoice", "status", "total", "amount_paid", "billing_reason"),
        "credit notes": by_name("credit_note", "amount"),
        "metered": sorted([customers[each[0]], *each[1:]] for each in metered),
        "cash": (world.cash_cents(), world.collected_cents()),
        "owed": [world.net_cents(number) for number in (1, 2, 3)],
        "postings": world.rows("SELECT account, sum(micros) FROM postings GROUP BY account ORDER BY account"),
        "entries": world.rows("SELECT kind, source_type, count(*) FROM journal_entries GROUP BY 1, 2 ORDER BY 1, 2"),
    }
