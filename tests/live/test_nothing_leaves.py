"""In Live, with every question that the window asks taken away, no action of window, palette and console writes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.ageing import AgedBalance
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.repairs import Repair
from bioql_console.services.odd_payments import OddPayment
from bioql_console.ui.registry import COMMANDS
from bioql_console.ui.widgets.dialogs import Asked, FormDialog, PlanDialog
from tests.live.live_desk import LiveDesk, live_desk

PAGES = ("arming", "users", "balances", "payments", "money_back_view", "odd_payments_view", "meter", "reconcile")
WRITING = {
    Repair.REFUND,
    Repair.CANCEL_USAGE,
    Repair.CREDIT_USAGE,
    Repair.TELL_BALANCE,
    Repair.UNDO_BALANCE,
    Repair.DELETE_CUSTOMER,
    Repair.MAKE_CUSTOMER,
}


async def unguarded(_page: Any, _workspace: Any, _look: Any, work: Any, *args: Any, ask: Any = None) -> None:
    """`in_live` without asking or arming."""
    await work(*args)


def without_guards(patch: pytest.MonkeyPatch) -> None:
    for page in PAGES:
        patch.setattr(f"bioql_console.ui.pages.{page}.in_live", unguarded)

    async def yes(_dialog: Any) -> bool:
        return True

    patch.setattr(PlanDialog, "ask", yes)


def difference(kind: Kind, live: LiveDesk) -> Difference:
    payment = live.links(live.jane, "paid")[0].payment_intent
    details = {"twice_cents": "100", "identifiers": "run-1 run-2", "state": "sent", "message": "1"}
    return Difference(
        *(kind, payment, "2026-11-01", "It differs.", 0),
        ledger_cents=100,
        stripe_cents=300,
        user_id=live.bob.id,
        user_name=live.bob.name,
        customer=live.bob.stripe_customer_id or "",
        details=details,
    )


def deeds(live: LiveDesk) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Everything that a page can be told to do at Stripe, past the page."""
    desk, jane, bob, carl = live.desk, live.user(live.jane), live.user(live.bob), live.user(live.carl)
    paid, is_open = live.links(jane, "paid")[-1], live.links(jane, "open")[0]
    users, payments, meter = desk.page("users")._users, desk.page("payments"), desk.page("meter")
    balances, money_back, reconcile = (
        desk.page("balances")._balances,
        payments._money_back,
        desk.page("reconcile")._reconcile,
    )
    seen = live.console.refunds.look(paid.payment_intent)
    odd = OddPayment("evt_1", "Other amount", paid.payment_intent, jane, 5_000, "usd", 4_000, paid.reference, 0)
    rows = [AgedBalance(user.id, user.name, True, (0, 0, 0, 0, user.balance.owed_micros)) for user in (jane, bob)]
    dispute = live.dispute()
    found: dict[str, Callable[[], Awaitable[Any]]] = {
        "register": lambda: users.register("Dora", "dora@uni.example"),
        "create customer": lambda: users.create_customer(carl),
        "link": lambda: users.make_link(bob),
        "link for a part": lambda: users.make_link(bob, 20_000_000),
        "links": lambda: balances.make_links(rows),
        "close link": lambda: payments._payments.expire(is_open),
        "renew link": lambda: payments._payments.renew(is_open),
        "ask Stripe": lambda: payments._payments.recover(),
        "refund": lambda: money_back.refund(seen, 1_000, RefundReason.REQUESTED, "Asked", forgive=True),
        "accept dispute": lambda: money_back.accept_dispute(dispute.id, "Stolen"),
        "answer dispute": lambda: money_back.answer_dispute(dispute.id, "It was run."),
        "give back": lambda: payments._odd.give_back(odd, "Agreed"),
        "repair meter": lambda: meter._meter.repair(),
        "create meter": lambda: live.on_stripe(live.console.meter.create_missing, "ana"),
        "test event": lambda: meter._meter.send_test_event(),
        "send now": lambda: meter._sending.send_now(),
        "send due": lambda: live.on_stripe(live.console.outbox.send_due),
        "adjust": lambda: users.adjust(jane, -1_000_000, "Goodwill"),
        "reconcile": lambda: reconcile.run(None),
        "find lost links": lambda: live.on_stripe(live.console.checkouts.recover, lost_only=True),
    }
    for kind in Kind:
        found[f"mend {kind.name}"] = lambda kind=kind: reconcile.mend([difference(kind, live)], "Mended")  # type: ignore[misc]
    return found


@pytest.mark.deadline(90)
@pytest.mark.fault(
    "Stripe",
    "In Live every action of window and palette is told to go on, past the questions that it asks",
    "Nothing but GET leaves: the lock is at the wire, and each action says that LIVE is locked.",
    figure="every action and palette command, 0 writes",
)
async def test_no_action_of_the_window_writes(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_guards(monkeypatch)
    async with live_desk(data_dir, tmp_path) as live:
        for name in ("users", "balances", "payments", "meter", "reconcile"):
            await live.desk.hand.open_page(name)
        await spoil(live)
        before = len(live.standin.writes)
        said: dict[str, str] = {}
        for name, deed in deeds(live).items():
            try:
                await deed()
            except OperatorError as error:
                said[name] = error.code
        assert live.standin.writes[before:] == []
        locked = {name for name, code in said.items() if code == "live.locked"}
        at_once = {"register", "create customer", "link", "link for a part", "renew link", "close link", "send now"}
        assert locked >= at_once | {"refund", "accept dispute", "answer dispute", "repair meter"}, said
        await every_command(live)
        assert live.standin.writes[before:] == []
        assert len(live.standin.left) > before, "reading went on"


async def spoil(live: LiveDesk) -> None:
    """The meter is renamed at Stripe, so that there is something to repair; usage and credits wait."""

    def work() -> None:
        store = live.sandbox._store
        with store.transaction():
            for meter in store.select("billing.meter"):
                store.put({**meter, "display_name": "Somebody else's"})
        live.console.usage.record(live.user(live.jane), shots=10, backend="simulator")
        live.console.users.adjust(live.jane.id, -1_000_000, "ana", "Goodwill")

    await live.on_stripe(work)


async def every_command(live: LiveDesk) -> None:
    """Each is chosen; what it asks in a form is left by Esc."""
    hand, window = live.desk.hand, live.desk.window
    for _, page, argument in COMMANDS:
        window.show_page(page, argument)
        model = window.page(page).model
        await hand.until(lambda model=model: not model.acting or hand.dialogs(), "it is done, or it asks")  # type: ignore[misc]
        for dialog in hand.dialogs():
            dialog.reject()
        await hand.until(lambda: not [one for one in hand.dialogs() if isinstance(one, Asked | FormDialog)], "it left")
