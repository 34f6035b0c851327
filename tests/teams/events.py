"""Links that customers have, and Stripe's events about their payments and refunds."""

import json
from typing import Any

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.environment import Environment
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.storage.database import Database
from tests.storage.people import NOW

CENTS = 1_000
OWED_MICROS = 10**9


def customers(database: Database, number: int, links: int) -> None:
    """Users 1, 2, … with a Stripe customer, a debt, and links that they may still pay."""
    with database.write() as work:
        for each in range(1, number + 1):
            new = NewUser(
                f"user {each}", f"{each}@uni.example", ApiKey.of(f"k{each}"), NOW, stripe_customer_id=cus(each)
            )
            user = work.users.add(new)
            assert user is not None
            work.ledger.post(usage_fact(f"u{each}", user.id, OWED_MICROS, NOW, ""))
            for link in range(links):
                # A page may be paid in the moment in which we call it expired; only one may be open.
                name = f"{user.id}-{link}"
                work.checkouts.add(
                    CheckoutLink(f"ref-{name}", user.id, CENTS, 1, CheckoutState.EXPIRED, NOW, session_id=f"cs_{name}")
                )
                work.checkouts.opened(f"ref-{name}", f"cs_{name}", "", NOW)
        work.commit()


def cus(user_id: int) -> str:
    return f"cus_{user_id}"


def paid(user_id: int, link: int) -> ReceivedEvent:
    name = f"{user_id}-{link}"
    session = {
        "id": f"cs_{name}",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "customer": cus(user_id),
        "payment_intent": f"pi_{name}",
        "currency": "usd",
        "amount_total": CENTS,
        "client_reference_id": f"ref-{name}",
    }
    return _event(f"evt_paid_{name}", "checkout.session.completed", session)


def refunded(user_id: int, link: int) -> ReceivedEvent:
    """A refund names no customer."""
    name = f"{user_id}-{link}"
    refund = {
        "id": f"re_{name}",
        "object": "refund",
        "payment_intent": f"pi_{name}",
        "currency": "usd",
        "amount": CENTS,
        "status": "succeeded",
        "created": NOW // 1000,
    }
    return _event(f"evt_refunded_{name}", "refund.created", refund)


def _event(event_id: str, kind: str, thing: dict[str, Any]) -> ReceivedEvent:
    content = {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": NOW // 1000,
        "livemode": False,
        "data": {"object": thing},
    }
    return parse(json.dumps(content).encode(), "", EventSource.HTTP, NOW)


def receive(database: Database, *events: ReceivedEvent) -> None:
    with database.write() as work:
        work.inbox.add(events)
        work.commit()


def applier(database: Database, together: int = 1) -> EventApplier:
    """A worker on the inbox; on a team's each event has a transaction of its own."""
    return EventApplier(database, Environment.SANDBOX, Changes(), lambda: NOW, lambda: together)
