"""Everything that window and palette can be told to do, past the questions that they ask."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.ageing import AgedBalance
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.users import Plan
from bioql_console.services.odd_payments import OddPayment
from bioql_console.ui import pages
from bioql_console.ui.registry import COMMANDS
from bioql_console.ui.widgets.dialogs import Asked, FormDialog, PlanDialog
from tests.legacy_files import make_file, sample_content
from tests.live.live_desk import LiveDesk

Deeds = dict[str, Callable[[], Awaitable[Any]]]
OPENED = ("users", "balances", "payments", "meter", "reconcile", "webhooks", "activity", "settings")


async def unguarded(_page: Any, _workspace: Any, _look: Any, work: Any, *args: Any, ask: Any = None) -> None:
    """`in_live` without asking or arming."""
    await work(*args)


def without_guards(patch: pytest.MonkeyPatch) -> None:
    for found in pkgutil.iter_modules(pages.__path__):
        page = importlib.import_module(f"{pages.__name__}.{found.name}")
        if hasattr(page, "in_live"):
            patch.setattr(page, "in_live", unguarded)

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


def deeds(live: LiveDesk) -> Deeds:
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
    found: Deeds = {
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


def deeds_beside(live: LiveDesk, folder: Path) -> Deeds:
    """What writes in the books, in files, or reads at Stripe, and so sends nothing at once."""
    desk, console, bob = live.desk, live.console, live.user(live.bob)
    settings, webhooks = desk.page("settings"), desk.page("webhooks")
    users, sending = desk.page("users")._users, desk.page("meter")._sending
    old = make_file(folder / "users.db", sample_content())
    with console.store.read() as work:
        messages = work.outbox.due(2**62, 9)
    usage = next(each for each in messages if each.kind.value == "meter_event")
    odd = OddPayment("evt_1", "Other amount", "pi_1", bob, 5_000, "usd", 4_000, "", 0)
    return {
        "bring in users.db": lambda: live.on_stripe(console.imports.run, old, operator="ana"),
        "back up": lambda: live.on_stripe(console.store.back_up, folder / "copies", verify=True),
        "export balances": lambda: desk.page("balances")._balances.export(folder / "balances.csv"),
        "export activity": lambda: desk.page("activity")._activity.export(folder / "activity.csv"),
        "reconcile": lambda: desk.page("reconcile")._reconcile.run(None),
        "export reconciliation": lambda: desk.page("reconcile")._reconcile.export(folder / "reconciled.csv"),
        "check the books": lambda: desk.page("activity")._activity.verify(),
        "fetch missed events": webhooks._backfill._fetch,
        "call events reconciled": lambda: webhooks._backfill.reconciled("Compared"),
        "send usage again": lambda: sending.send_again([usage]),
        "collect usage otherwise": lambda: sending.collect_otherwise([usage]),
        "take usage back": lambda: sending.take_back(usage, "Wrong"),
        "count an odd payment": lambda: desk.page("payments")._odd.count(odd, "Agreed"),
        "ask what the key may do": lambda: settings._credentials.explore(console.environment),
        "disable": lambda: users.set_disabled(bob, True, "Asked", bob.version),
        "another plan": lambda: users.set_plan(live.user(bob), Plan.PRO, "Asked", live.user(bob).version),
        "another key": lambda: users.reissue_key(live.user(bob), "Lost", live.user(bob).version),
        "register by the server": lambda: live.on_stripe(
            console.registration.register, "Emil", "emil@uni.example", "pm_card_visa"
        ),
        "end what a crash left": lambda: live.on_stripe(console.outbox.send_due),
    }


async def done(deeds: Deeds) -> dict[str, str]:
    """Do them all; the codes of what was refused, by deed."""
    said: dict[str, str] = {}
    for name, deed in deeds.items():
        try:
            await deed()
        except OperatorError as error:
            said[name] = error.code
    return said


def rename_the_meter(live: LiveDesk) -> None:
    """As somebody in Stripe's dashboard does, so that there is something to repair."""
    store = live.sandbox._store
    with store.transaction():
        for meter in store.select("billing.meter"):
            store.put({**meter, "display_name": "Somebody else's"})


async def spoil(live: LiveDesk) -> None:
    """There is a meter to repair; usage and credits wait."""

    def work() -> None:
        rename_the_meter(live)
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
