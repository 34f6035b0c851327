"""`demo`: fill an empty Sandbox, ledger and offline Stripe alike."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bioql_console.core import database_url, now_ms
from bioql_console.domain import meter as expected
from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.environment import Environment
from bioql_console.domain.paging import UserQuery
from bioql_console.domain.prices import Price
from bioql_console.sandbox import Sandbox
from bioql_console.services.demo import DemoUser, demo_api_key, demo_users
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import data_directory, environment_directory, load
from bioql_console.storage.database import Database

DEFAULT_USERS = 240
BATCH = 1_000


def fill_data_dir(data_dir: Path | None, users: int, seed: int) -> str:
    """Fill the Sandbox of a data directory; the answer is the sentence to print.

    Raises:
        OperatorError: `instance.running` when a window or server is using it.
    """
    folder = data_directory(data_dir)
    environment = Environment.SANDBOX
    with InstanceLock(folder, "demo"):
        database = Database(database_url(load(folder), folder, environment), now_ms)
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
        with database.write() as work:
            for person in batch:
                _store(work, person)
            work.commit()
        made += len(batch)
    with database.write() as work:
        planned = Price("ionq_forte", 3_250_000, now_ms() // DAY_MS * DAY_MS + 20 * DAY_MS)
        work.tariff.add_price(planned, "ana", "New contract with the provider")
        work.commit()
    sandbox.put_many(_meter_and_price(now_ms() // 1000))
    return f"{made:,} users. Dr. Jane Smith owes $350.00; her API key is {demo_api_key(seed, 1)}"


def _store(work: Any, person: DemoUser) -> None:
    user = work.users.add(person.user)
    if person.disabled:
        work.users.set_disabled(user.id, True)
    for usage in person.usage:
        work.usage.add(usage)
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


def _meter_and_price(created: int) -> list[dict[str, Any]]:
    product = {
        "id": "prod_demo",
        "object": "product",
        "name": expected.PRODUCT_NAME,
        "active": True,
        "created": created,
    }
    meter = {
        "id": "mtr_demo",
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
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_demo"},
        "lookup_key": expected.PRICE_LOOKUP_KEY,
        "active": True,
        "created": created,
    }
    return [product, meter, price]
