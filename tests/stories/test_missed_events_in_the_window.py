"""Events that happened while nobody listened are brought in, named and accounted for."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from PySide6.QtWidgets import QFileDialog, QLineEdit

from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from tests.stories.windows import Desk, open_window

CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


@contextmanager
def stripe_alone(data_dir: Path) -> Iterator[Sandbox]:
    """Stripe goes on while no console runs."""
    sandbox = Sandbox(data_dir / "sandbox/stripe.db")
    try:
        yield sandbox
    finally:
        sandbox.close()


def minutes_pass(sandbox: Sandbox, minutes: int) -> None:
    body = json.dumps({"advance_s": minutes * 60}).encode()
    answer = sandbox.app._control.answer(Request("POST", "/_sandbox/clock", "", {"host": "127.0.0.1"}, body))
    assert answer.status == 200


def pay(sandbox: Sandbox, address: str) -> None:
    form = urlencode(CARD).encode()
    answer = sandbox.app._page.answer(Request("POST", urlsplit(address).path, "", {"host": "127.0.0.1"}, form))
    assert answer.status == 303


def deleted_customers(sandbox: Any, number: int) -> None:
    """Events about strangers, one a minute, that ended an hour ago."""
    with sandbox._store.transaction():
        for count in range(number):
            thing = {"id": f"cus_gone{count}", "object": "customer", "deleted": True}
            event = {"id": f"evt_gone{count:05d}", "object": "event", "type": "customer.deleted", "livemode": False}
            created = sandbox._store.now() - 3_600 - 60 * (number - count)
            more = {"created": created, "pending_webhooks": 0, "request": None, "api_version": "2026-10-28.endive"}
            sandbox._store.put({**event, **more, "data": {"object": thing}})


def cells(table: Any, column: int) -> list[str]:
    model = table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


async def named_events(desk: Desk, number: int) -> Any:
    """The dialog that names what was brought in, once each of them is settled."""
    await desk.hand.until(desk.hand.dialogs, "what was brought in is named")
    dialog = desk.hand.dialogs()[0]
    await desk.hand.until(lambda: dialog.table.model().rowCount() >= min(number, 100), "they are listed")
    await desk.hand.until(lambda: dialog.counted.text() and "waiting" not in dialog.counted.text(), "they are settled")
    return dialog


async def test_a_payment_made_while_the_console_was_closed(data_dir: Path, tmp_path: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
        link = desk.browser.addresses[0]  # type: ignore[attr-defined]
    with stripe_alone(data_dir) as sandbox:
        minutes_pass(sandbox, 90)
        pay(sandbox, link)
        minutes_pass(sandbox, 60)
    async with open_window(data_dir) as desk:
        await desk.hand.until(lambda: "while you were away" in desk.window.toast.words.text(), "it is said on any page")
        await desk.hand.open_page("webhooks")
        strip = desk.page("webhooks").backfill
        await desk.hand.click(strip.away)
        dialog = await named_events(desk, 1)
        row = cells(dialog.table, 1).index("checkout.session.completed")
        said = [cells(dialog.table, column)[row] for column in (2, 3, 4, 5)]
        assert said == ["Dr. Jane Smith", "$350.00", "applied", "$350.00 counted."]
        file = tmp_path / "missed.csv"
        await export(desk, dialog, file)
        lines = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
        assert {line["event"] for line in lines} == set(cells(dialog.table, 1))
        paid = next(line for line in lines if line["event"] == "checkout.session.completed")
        assert (paid["customer"], paid["amount_usd"], paid["state"]) == ("Dr. Jane Smith", "350.00", "applied")
        dialog.accept()
        await desk.hand.until(lambda: strip.words.text().startswith("Everything that Stripe lists"), "it is complete")
        panel = await desk.show_jane()
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "the payment is counted")


async def export(desk: Desk, dialog: Any, file: Path) -> None:
    await desk.hand.click(dialog.export)
    await desk.hand.until(lambda: dialog.findChildren(QFileDialog), "it is asked where")
    where = dialog.findChildren(QFileDialog)[0]
    name = where.findChild(QLineEdit)
    assert name is not None
    name.setText(str(file))
    where.accept()
    await desk.hand.until(file.exists, "it is written")


async def test_fetching_many_is_stopped_and_goes_on(data_dir: Path) -> None:
    with stripe_alone(data_dir) as sandbox:
        deleted_customers(sandbox, 0)
    async with open_window(data_dir, users=1) as desk:
        await desk.hand.open_page("webhooks")
        strip = desk.page("webhooks").backfill
        await desk.hand.until(lambda: strip.words.text().startswith("Everything"), "the first look is over")
        with stripe_alone(data_dir) as sandbox:
            deleted_customers(sandbox, 400)
        await desk.hand.click(strip.fetch)
        await desk.hand.until(lambda: strip.words.text().startswith("Brought in"), "progress is told")
        assert strip.words.text().endswith("of 400…")
        await desk.hand.click(strip.stop)
        dialog = await named_events(desk, 50)
        brought = len(dialog._model.found.events)
        assert 0 < brought < 400
        dialog.accept()
        await desk.hand.click(strip.fetch)
        await desk.hand.until(
            lambda: len(desk.hand.dialogs()) == 1 and desk.hand.dialogs()[0] is not dialog, "the rest"
        )
        dialog = await named_events(desk, 100)
        assert len(dialog._model.found.events) == 400 - brought
        assert dialog.counted.text() == f"{400 - brought} ignored"
        dialog.accept()


async def test_stripe_fails_in_the_middle_and_a_retry_goes_on(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page = desk.page("webhooks")
        await desk.hand.open_page("webhooks")
        await desk.hand.until(lambda: page.backfill.words.text().startswith("Everything"), "the first look is over")
        with stripe_alone(data_dir) as sandbox:
            deleted_customers(sandbox, 120)
        control = desk.console.sandbox
        await desk.console.workers.stripe.run(lambda: control.faults(403, "evt_gone00070$", 1))
        await desk.hand.click(page.backfill.fetch)
        await desk.hand.until(lambda: page.notice.isVisible(), "it is said")
        assert page.notice.what.text().endswith("70 of 120 events brought in.")
        assert "goes on from there" in page.notice.fix.text()
        (await named_events(desk, 70)).accept()
        await desk.hand.click(page.notice.retry)
        dialog = await named_events(desk, 50)
        assert [len(dialog._model.found.events), page.notice.isVisible()] == [50, False]
        dialog.accept()


async def test_a_month_away_is_said_and_settled_with_a_remark(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        await desk.hand.open_page("webhooks")
        strip = desk.page("webhooks").backfill
        console = desk.console

        def long_ago() -> None:
            console.missed_events._now_ms = lambda: console.now_ms() + 40 * 86_400_000
            console.missed_events.fetch("ana")

        await desk.hand.until(lambda: strip.words.text().startswith("Everything"), "the first look is over")
        await console.workers.stripe.run(long_ago)
        await desk.hand.until(strip.lost.isVisible, "it is said")
        assert "Stripe lists events of 30 days only" in strip.lost.text()
        await desk.hand.click(strip.settle)
        await desk.hand.until(desk.hand.dialogs, "it is asked how")
        dialog = desk.hand.dialogs()[0]
        await desk.hand.write(dialog._checked[0][1], "Payouts agree")
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: not strip.lost.isVisible(), "it is settled")
