"""What a test may see and do at the sandbox's side of a world: its clock, its pages, its objects, its money."""

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from bioql_console.domain.users import User
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from bioql_console.sandbox.work import public

GOOD_CARD = "4242 4242 4242 4242"


class AtStripe:
    """One sandbox without sockets, and time that only moves when told to."""

    sandbox: Sandbox
    seen: int = 0

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

    # --- people ---

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
