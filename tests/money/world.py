"""Customers, cards and months in a sandbox without sockets, with the real gateway, ledger and outbox around it."""

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import stripe

from bioql_console.domain.environment import Environment
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.ledger import Account
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from bioql_console.sandbox.work import public
from bioql_console.services.changes import Changes
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.error_reports import ErrorReports
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.services.meter_repair import MeterRepair
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.registration import Registration
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.usage_corrections import UsageCorrections
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage.database import Database, sqlite_url

HOUR, DAY = 3_600, 86_400
BACK: dict[str, Any] = {
    "success_url": "http://127.0.0.1/ok",
    "cancel_url": "http://127.0.0.1/no",
    "operator": "customer",
}
THRESHOLD_CENTS = 300_000
GOOD_CARD = "4242 4242 4242 4242"


@cache
def template(folder: Path) -> Path:
    """An empty ledger; copying it is faster than making one."""
    path = folder / "template.db"
    database = Database(sqlite_url(path), lambda: 0)
    database.open(folder)
    database.close()
    return path


@dataclass(frozen=True)
class InProcess:
    """Stands in for the network between stripe-python and the sandbox; everything else is real.

    Faults that the sandbox was told to have happen here too.
    """

    sandbox: Sandbox

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        body = (post_data or "").encode() if isinstance(post_data, str) else post_data or b""
        asked = Request(method.upper(), parts.path, parts.query, {"host": "127.0.0.1", **given}, body)
        app = self.sandbox.app
        fault = app._faults.take(method.upper(), parts.path)
        if fault is None or fault.status != "hang":
            answer = app.answer(asked, fault)
        if fault is not None and isinstance(fault.status, str):
            raise stripe.APIConnectionError(fault.status, should_retry=True)  # type: ignore[no-untyped-call]
        # Asked to wait, the transport would.
        pause = {"retry-after": "0"} if answer.status == 429 else {}
        return answer.body.decode(), answer.status, {**answer.headers, **pause}


class World:
    """One ledger, one sandbox, and time that only moves when told to."""

    def __init__(self, folder: Path, name: str, templates: Path) -> None:
        self.sandbox = Sandbox(folder / f"{name}-stripe.db")
        path = folder / f"{name}.db"
        shutil.copy(template(templates), path)
        self.database = Database(sqlite_url(path), self.now_ms)
        self.stripe = StripeAccess(Environment.SANDBOX, lambda: self.sandbox.secret_key, "http://127.0.0.1:1")
        self.stripe._gateway = StripeGateway(self.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1")
        door: _Door = self.stripe._gateway.v1._requestor._client
        # For every thread: events are fetched side by side.
        door._client = lambda: InProcess(self.sandbox)  # type: ignore[method-assign, return-value, assignment]
        changes = Changes()
        meter = MeterSetup(self.stripe, self.database, self.now_ms)
        make = (self.database, self.stripe, changes, self.now_ms)
        self.registration = Registration(
            self.database, self.stripe, meter, changes, self.now_ms, 10_000_000, THRESHOLD_CENTS
        )
        self.usage = UsageRecording(self.database, changes, self.now_ms, THRESHOLD_CENTS)
        self.links = CheckoutLinks(*make, Environment.SANDBOX)
        self.admin = UserAdmin(*make)
        counter = StripeUsageMeter(self.stripe.gateway)
        self.outbox = OutboxSender(*make, meter=counter, width=1)
        self.reports = ErrorReports(self.database, self.stripe, counter, changes, self.now_ms)
        self.corrections = UsageCorrections(self.database, changes, self.now_ms)
        self.meter_repair = MeterRepair(
            self.stripe,
            self.database,
            changes,
            THRESHOLD_CENTS,
            hold=self.outbox.hold_usage,
            go_on=self.outbox.go_on_with_usage,
        )
        self.applier = EventApplier(self.database, Environment.SANDBOX, changes, self.now_ms)
        self.seen = 0
        meter.create_missing("tests")

    def close(self) -> None:
        self.database.close()
        self.sandbox.close()

    # --- time and delivery ---

    def now_ms(self) -> int:
        return self.sandbox._store.now() * 1000

    def advance(self, seconds: int) -> None:
        self.control("clock", advance_s=seconds)

    def control(self, name: str, **body: object) -> Any:
        asked = Request("POST", f"/_sandbox/{name}", "", {"host": "127.0.0.1"}, json.dumps(body).encode())
        answer = self.sandbox.app._control.answer(asked)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def pending_events(self) -> list[bytes]:
        """What Stripe would deliver now, in its order; asked once."""
        with self.sandbox._store.transaction():
            rows = self.sandbox._store.db.execute(
                "SELECT seq, body FROM objects WHERE kind IN ('event', 'v2.core.event') AND seq > ? ORDER BY seq",
                (self.seen,),
            ).fetchall()
        self.seen = rows[-1][0] if rows else self.seen
        return [json.dumps(public(json.loads(body))).encode() for _, body in rows]

    def deliver(self, bodies: list[bytes]) -> None:
        with self.database.write() as work:
            work.inbox.add([parse(body, "", EventSource.HTTP, self.now_ms()) for body in bodies])
            work.commit()
        self.applier.apply_waiting()

    def send(self) -> int:
        sent = self.outbox.send_due()
        return sent + self.reports.run_due()

    def drain(self, shuffle: random.Random | None = None) -> None:
        """Everything that is on its way arrives, on both sides; in another order and twice if asked to."""
        for _ in range(20):
            self.advance(3)
            events, sent = self.pending_events(), self.send()
            if shuffle:
                events += shuffle.sample(events, len(events) // 3)
                shuffle.shuffle(events)
            if events:
                self.deliver(events)
            if not events and not sent and not self.waiting():
                return
        raise AssertionError("it never comes to rest")

    def waiting(self) -> int:
        with self.database.read() as work:
            return sum(n for (_, state), n in work.outbox.counts().items() if state is MessageState.WAITING)

    # --- people ---

    def register(self, name: str, card: str | None) -> User:
        return self.registration.register(name, f"{name}@uni.example", card).user

    def user(self, user_id: int) -> User:
        with self.database.read() as work:
            user = work.users.get(user_id)
        assert user is not None
        return user

    def pay(self, url: str, **more: str) -> int:
        """Send the Checkout page's form; its status."""
        form = urlencode({"card_number": GOOD_CARD, "exp": "12/34", "cvc": "123", "email": "a@uni.example", **more})
        asked = Request("POST", urlsplit(url).path, "", {"host": "127.0.0.1"}, form.encode())
        return self.sandbox.app._page.answer(asked).status

    # --- what Stripe knows ---

    def objects(self, kind: str, **equal: object) -> list[Any]:
        """Oldest first."""
        return self.sandbox._store.select(kind, equal=equal)[::-1]

    def collected_cents(self, customer: str | None = None) -> int:
        """Cash that is at Stripe: charged, less refunded, less taken back by banks."""
        equal = {"customer": customer} if customer else {}
        charges = [each for each in self.objects("charge", **equal) if each["paid"]]
        intents = {each["payment_intent"] for each in charges}
        back = [each for each in self.objects("dispute") if each["payment_intent"] in intents]
        # An inquiry moves no money; what was lost may still be given back.
        disputed = sum(-moved["amount"] for each in back for moved in each["balance_transactions"])
        given = [each for each in self.objects("refund") if each["payment_intent"] in intents]
        refunded = sum(each["amount"] for each in given if each["status"] != "failed")
        return int(sum(each["amount_captured"] for each in charges) - disputed - refunded)

    def stripe_position_cents(self, user: User) -> int:
        """What Stripe would collect of a user in time: metered usage and invoices, less credit."""
        customer = self.sandbox._store.get("customer", user.stripe_customer_id or "")
        assert customer is not None
        metered = sum(
            self.unbilled_cents(each["items"]["data"][0], customer["id"])
            for each in self.objects("subscription", customer=customer["id"])
            if each["status"] != "canceled"
        )
        invoices = self.objects("invoice", customer=user.stripe_customer_id)
        drafts = sum(each["total"] for each in invoices if each["status"] == "draft")
        asked = sum(each["amount_remaining"] for each in invoices if each["status"] == "open")
        return metered + int(drafts) + int(asked) + int(customer["balance"])

    def unbilled_cents(self, item: Any, customer: str) -> int:
        """What a subscription's item bills and no invoice took; what was used before it began it never bills."""
        (units,) = self.sandbox._store.db.execute(
            "SELECT coalesce(sum(CAST(value AS INTEGER)), 0) FROM meter_events"
            " WHERE customer = ? AND meter = ? AND at >= ? AND invoice IS NULL AND cancelled = 0",
            (customer, item["price"]["recurring"]["meter"], item["created"]),
        ).fetchone()
        return int(units) * int(item["price"]["unit_amount"])

    def left_to_links_cents(self, user_id: int) -> int:
        """What is owed but no invoice's business: on void invoices, or on its way from a bank."""
        with self.database.read() as work:
            void = work.invoices.of_user(user_id, InvoiceState.VOID)
            return sum(each.replaceable_cents for each in void) + work.checkouts.processing_cents(user_id)

    # --- what our books know ---

    def cash_cents(self) -> int:
        """The account of money at Stripe."""
        found = self.rows(
            "SELECT coalesce(sum(micros), 0) FROM postings WHERE account = ?", Account.STRIPE_CLEARING.value
        )[0][0]
        assert found % MICROS_PER_CENT == 0
        return int(found) // MICROS_PER_CENT

    def written_off_cents(self) -> int:
        (found,) = self.rows("SELECT coalesce(sum(micros), 0) FROM postings WHERE account = 'write_offs'")
        return int(found[0]) // MICROS_PER_CENT

    def rows(self, statement: str, *values: object) -> list[Any]:
        with self.database._engine.connect() as connection:
            return list(connection.exec_driver_sql(statement, tuple(values)))

    def net_cents(self, user_id: int) -> int:
        """What a user owes, less credit."""
        balance = self.user(user_id).balance
        return (balance.owed_micros - balance.available_credit_micros) // MICROS_PER_CENT

    def check_books(self) -> None:
        with self.database.read() as work:
            found = work.verifier.run()
            counts = work.inbox.counts()
            refused = work.outbox.recent(50, MessageState.REFUSED)
        assert found.ok, found.differences
        assert counts.get(EventState.QUARANTINED, 0) == 0, self.rows(
            "SELECT type, reason FROM inbox WHERE state = 'quarantined'"
        )
        assert not refused, refused
