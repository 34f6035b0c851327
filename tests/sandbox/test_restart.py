"""Everything is in the file: a sandbox that is started again goes on where it was."""

import uuid
from pathlib import Path

from tests.sandbox.conftest import serving
from tests.sandbox.pages import console_session, opened
from tests.sandbox.receivers import Receiver
from tests.waiting import wait_until


def test_a_link_made_before_can_be_paid_after(tmp_path: Path) -> None:
    with serving(tmp_path / "stripe.db") as before:
        customer = before.api.customers.create({"name": "Ada"})
        session = console_session(before, customer=customer.id)
    with serving(tmp_path / "stripe.db") as after:
        moved = after.url + session.url.removeprefix(before.url)
        assert opened(after, moved).press("Pay $350.00", card_number="4242424242424242").status == 303
        paid = after.api.checkout.sessions.list({"customer": customer.id}).data
        assert [(one.id, one.payment_status) for one in paid] == [(session.id, "paid")]
        assert after.event_types()[0] == "customer.created"


def test_a_repeated_request_is_recognised_after_a_restart(tmp_path: Path) -> None:
    options = {"idempotency_key": uuid.uuid4().hex}
    with serving(tmp_path / "stripe.db") as before:
        first = before.api.customers.create({"name": "Ada"}, options)
    with serving(tmp_path / "stripe.db") as after:
        again = after.api.customers.create({"name": "Ada"}, options)
        assert again.id == first.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        after.control("clock", advance_s=86_400 + 1)
        assert after.api.customers.create({"name": "Ada"}, options).id != first.id, "keys are forgotten after a day"


def test_clock_and_what_is_due_go_on(tmp_path: Path) -> None:
    with serving(tmp_path / "stripe.db") as before:
        before.control("clock", advance_s=10 * 86_400)
        ahead = before.control_get("clock")["now"]
        session = console_session(before)
        opened(before, session.url).press("Pay by bank debit")
    with serving(tmp_path / "stripe.db") as after:
        assert after.control_get("clock")["now"] >= ahead
        assert after.api.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
        after.control("clock", advance_s=86_400)
        assert after.api.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_events_are_kept_for_thirty_days(tmp_path: Path) -> None:
    with serving(tmp_path / "stripe.db") as running:
        running.api.customers.create({"name": "old"})
        running.control("clock", advance_s=29 * 86_400)
        assert running.event_types() == ["customer.created"]
        running.control("clock", advance_s=2 * 86_400)
        wait_until(lambda: running.event_types() == [])
        assert len(running.api.customers.list().data) == 1


def test_endpoints_keep_their_secret(tmp_path: Path, receiver: Receiver) -> None:
    with serving(tmp_path / "stripe.db") as before:
        asked = {"url": receiver.url, "enabled_events": ["*"]}
        secret = before.api.webhook_endpoints.create(asked).secret
    with serving(tmp_path / "stripe.db") as after:
        after.api.customers.create({"name": "A"})
        wait_until(lambda: receiver.taken)
        assert [event["type"] for event in receiver.verified(secret)] == ["customer.created"]
