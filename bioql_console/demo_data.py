"""`demo`: fill an empty Sandbox, ledger and offline Stripe alike."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bioql_console.core import database_url, now_ms
from bioql_console.domain import meter as expected
from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.environment import Environment
from bioql_console.domain.ledger import EntryKind
from bioql_console.domain.money import MICROS_PER_CENT, USD
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.paging import UserQuery
from bioql_console.domain.prices import Price
from bioql_console.sandbox import Sandbox
from bioql_console.services.demo import DemoUser, demo_api_key, demo_users
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import data_directory, environment_directory, load
from bioql_console.storage.database import Database

DEFAULT_USERS = 240
BATCH = 1_000
METER = "mtr_demo"


def fill_data_dir(data_dir: Path | None, users: int, seed: int, url: str | None = None) -> str:
    """Fill the Sandbox of a data directory; the answer is the sentence to print.

    Args:
        url: Its ledger, where that is not the folder's own.

    Raises:
        OperatorError: `instance.running` when a window or server is using it.
    """
    folder = data_directory(data_dir)
    environment = Environment.SANDBOX
    with InstanceLock(folder, "demo"):
        database = Database(database_url(load(folder), folder, environment, url), now_ms)
        database.environment = None if url else environment
        database.open(folder / "backups")
        sandbox = Sandbox(environment_directory(folder, environment) / "stripe.db")
        try:
            return fill(database, sandbox, users, seed)
        finally:
            sandbox.close()
            database.close()


def fill(database: Database, sandbox: Sandbox, users: int, seed: int) -> str:
    """Fill an empty ledger and its sandbox; a ledger with users is left as it is."""
    with database.read() as work:
        present = work.users.count(UserQuery())
    if present:
        return f"There are {present:,} users already; nothing was added."
    made = 0
    people = demo_users(users, seed, now_ms())
    while batch := [person for _, person in zip(range(BATCH), people, strict=False)]:
        sandbox.put_many(_stripe_customers(batch))
        sandbox.put_many(_stripe_payments(batch))
        sandbox.put_usage(_metered(batch))
        with database.write() as work:
            for person in batch:
                _store(work, person)
            work.commit()
        made += len(batch)
    with database.write() as work:
        planned = Price("ionq_forte", 3_250_000, now_ms() // DAY_MS * DAY_MS + 20 * DAY_MS)
        work.tariff.add_price(planned, "ana", "New contract with the provider")
        work.commit()
    sandbox.put_many(meter_and_price(now_ms() // 1000))
    return f"{made:,} users. Dr. Jane Smith owes $350.00; her API key is {demo_api_key(seed, 1)}"


def _store(work: Any, person: DemoUser) -> None:
    user = work.users.add(person.user)
    if person.disabled:
        work.users.set_disabled(user.id, True)
    for usage, units in person.metered():
        work.usage.add(usage)
        if units and user.stripe_customer_id:
            work.outbox.add(
                MessageKind.METER_EVENT,
                usage.usage_id,
                user_id=user.id,
                stripe_customer_id=user.stripe_customer_id,
                value=units,
                occurred_ms=usage.at_ms,
                sent_ms=usage.at_ms,
            )
    if person.usage:
        work.users.touch(user.id, person.usage[-1].at_ms)
    for fact in person.facts:
        work.ledger.post(fact)
    for ticket in person.tickets:
        work.tickets.add(ticket)


def _stripe_customers(people: Iterable[DemoUser]) -> Iterator[dict[str, Any]]:
    for person in people:
        if person.user.stripe_customer_id:
            yield {
                "id": person.user.stripe_customer_id,
                "object": "customer",
                "name": person.user.name,
                "email": person.user.email,
                "created": person.user.created_ms // 1000,
                "metadata": {},
            }


def _stripe_payments(people: Iterable[DemoUser]) -> Iterator[dict[str, Any]]:
    """What the demo's payments are at Stripe, so that books and sandbox agree."""
    for person in people:
        for fact in person.facts:
            if fact.kind is not EntryKind.PAYMENT:
                continue
            shared = {
                "amount": -fact.owes_micros // MICROS_PER_CENT,
                "currency": USD,
                "customer": person.user.stripe_customer_id,
                "created": fact.effective_ms // 1000,
            }
            charge = f"ch_{fact.source_id.removeprefix('pi_')}"
            succeeded = {"status": "succeeded", "amount_received": shared["amount"], "latest_charge": charge}
            yield {"id": fact.source_id, "object": "payment_intent", **shared, **succeeded}
            paid = {"payment_intent": fact.source_id, "amount_captured": shared["amount"]}
            yield {"id": charge, "object": "charge", **shared, **paid}


def _metered(people: Iterable[DemoUser]) -> Iterator[tuple[str, str, int, int, str, str]]:
    """The usage that the demo's meter has counted."""
    for person in people:
        customer = person.user.stripe_customer_id
        for usage, units in person.metered() if customer else ():
            if units and customer:
                yield METER, customer, usage.at_ms // 1000, units, usage.usage_id, expected.EVENT_NAME


def meter_and_price(created: int) -> list[dict[str, Any]]:
    """Meter, price and its product as raw objects of the sandbox; `created` in seconds."""
    product = {
        "id": "prod_demo",
        "object": "product",
        "name": expected.PRODUCT_NAME,
        "active": True,
        "created": created,
    }
    meter = {
        "id": METER,
        "object": "billing.meter",
        "display_name": expected.METER_NAME,
        "event_name": expected.EVENT_NAME,
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": expected.CUSTOMER_KEY},
        "value_settings": {"event_payload_key": expected.VALUE_KEY},
        "status": "active",
        "created": created,
    }
    price = {
        "id": "price_demo",
        "object": "price",
        "product": "prod_demo",
        "currency": "usd",
        "unit_amount": expected.UNIT_AMOUNT_CENTS,
        "unit_amount_decimal": str(expected.UNIT_AMOUNT_CENTS),
        "billing_scheme": "per_unit",
        "type": "recurring",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": METER},
        "lookup_key": expected.PRICE_LOOKUP_KEY,
        "active": True,
        "created": created,
    }
    return [product, meter, price]


def meddle_at_stripe(gateway: Any) -> None:
    """What another program, or somebody in Stripe's dashboard, might do to the demo's customers, so that reconciling
    has something to find."""
    api, card = gateway.v1, {"currency": USD, "payment_method": "pm_card_visa", "confirm": True}
    api.payment_intents.create({"amount": 12_345, "customer": "cus_demo0000003", **card})
    api.payment_intents.create({"amount": 4_900, **card})
    credit = {"amount": -2_500, "currency": USD, "description": "Goodwill for the outage"}
    api.customers.balance_transactions.create("cus_demo0000005", credit)
    customer = api.customers.retrieve("cus_demo0000007")
    api.customers.create({"email": customer.email, "name": customer.name})
    api.customers.delete("cus_demo0000008")
    gateway.send_meter_event("another-program", expected.EVENT_NAME, "cus_demo0000004", 777, now_ms(), {})
