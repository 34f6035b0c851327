"""A reconciliation desk over the World of the money stories: both sides, repairs, and nothing on its way."""

from pathlib import Path
from typing import Any

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.reconciliation import Difference, Period, Reconciled
from bioql_console.domain.users import User
from bioql_console.services.changes import Changes
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.reconciliation.reconcile import Reconciliation
from bioql_console.services.reconciliation.repairs import Repairs
from bioql_console.services.reconciliation.tools import Tools
from bioql_console.services.refunds import Refunds
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.money.world import BACK, World

EVER = Period(0)


class Desk:
    """Somebody who reconciles."""

    def __init__(self, folder: Path, name: str = "w") -> None:
        self.world = World(folder, name)
        world = self.world
        self.reconciliation = Reconciliation(
            world.database, world.stripe, open_scratch, world.now_ms, grace_ms=0, meter_grace_ms=0
        )
        refunds = Refunds(world.database, world.stripe, world.admin, Changes(), world.now_ms)
        tools = Tools(world.database, world.stripe, world.applier, world.admin, refunds, world.now_ms)
        self.repairs = Repairs(tools, Changes())

    def close(self) -> None:
        self.world.close()

    @property
    def api(self) -> Any:
        """stripe-python, as another program on the same Stripe account would use it."""
        return self.world.stripe.gateway().v1

    def find(self) -> Reconciled:
        """Reconcile everything; whatever is found, the totals tie to the cent."""
        found = self.reconciliation.run(EVER)
        for day in found.days:
            unexplained = sum(one.off_cents for one in found.differences if one.kind is Kind.UNEXPLAINED)
            assert day.rest_cents == 0 or unexplained, f"{day} ties, or says that it does not"
        named = sum(one.off_cents for one in found.differences if one.kind.value.cash)
        assert found.total.off_cents == found.total.timing_cents + named + found.total.on_its_way_cents
        return found

    def find_accepting(self) -> Reconciled:
        """The same, where something was accepted."""
        return self.reconciliation.run(EVER)

    def only(self, kind: Kind) -> Difference:
        """The one difference there is."""
        found = self.find()
        assert [one.kind for one in found.differences] == [kind], [one.what + one.cause for one in found.differences]
        return found.differences[0]

    def repair(self, *kinds: Kind) -> None:
        """Repair what is found, in this order, each once."""
        for kind in kinds:
            one = next(one for one in self.find().differences if one.kind is kind)
            self.repairs.repair(one, "as agreed with finance", "ana")
            self.world.drain()

    def is_clean(self) -> None:
        found = self.find()
        assert found.ok, [f"{one.what} {one.cause}" for one in found.differences]
        assert not found.on_its_way
        with self.world.database.read() as work:
            verified = work.verifier.run()
        assert verified.ok, verified.differences

    # --- what happens, so that something can go wrong with it

    def uses(self, user: User, cents: int) -> None:
        assert cents % 200 == 0
        self.world.usage.record(self.world.user(user.id), shots=cents // 200, backend="ionq_qpu")
        self.world.drain()

    def pays(self, user: User) -> str:
        """By link, all that is owed; nobody hears of it yet. The payment's id."""
        link = self.world.links.open(user.id, **BACK)
        assert self.world.pay(link.url) == 303
        (session,) = [one for one in self.world.objects("checkout.session") if one["id"] == link.session_id]
        return str(session["payment_intent"])

    def forget_events(self) -> None:
        """What Stripe tells now reaches nobody."""
        self.world.pending_events()

    def keep_no_events(self) -> None:
        """A month later: Stripe does not have the events any more either."""
        self.forget_events()
        self.world.sandbox._store.db.execute("UPDATE objects SET kind = 'forgotten' WHERE kind = 'event'")

    def by_hand(self, customer: str | None, cents: int = 4_200) -> str:
        """A payment taken in Stripe's dashboard. Its id."""
        more = {"customer": customer} if customer else {}
        made = self.api.payment_intents.create(
            {"amount": cents, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, **more}
        )
        return str(made.id)

    def second_customer(self, user: User, **more: str) -> str:
        """A customer that this console made for a user who has one."""
        wanted = {"email": user.email.upper(), "metadata": {"bioql_reference": "bioql-again"}, **more}
        return str(self.api.customers.create(wanted).id)

    def send_test_usage(self, user: User) -> None:
        """One cent, from the Meter page."""
        meter = MeterSetup(self.world.stripe, self.world.database, self.world.now_ms)
        meter.send_test_event(user.stripe_customer_id or "", "ana")

    def sql(self, statement: str, *values: object) -> None:
        """Change the ledger's database behind the console's back."""
        with self.world.database._engine.connect() as connection:
            connection.execution_options(bioql_write=True)
            connection.exec_driver_sql(statement, values)
            connection.commit()
