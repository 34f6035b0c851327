"""Armed, an action in Live sends exactly what its plan says, once; before, beside and afterwards nothing leaves."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import ANY, ARMED_MS, Call, LivePlan, Outgoing, Standing
from bioql_console.domain.refunds import RefundReason
from bioql_console.services.live_lock import LiveLock, acting_for
from bioql_console.services.live_plans import (
    accept_dispute_plan,
    customer_plan,
    expire_plan,
    links_plan,
    meter_plan,
    refund_plan,
    register_plan,
)
from bioql_console.ui.pages.arming import ArmDialog
from bioql_console.ui.standing_dialog import StandingDialog
from tests.live.every_deed import spoil
from tests.live.live_desk import ACCOUNT, LiveDesk, live_desk

SESSIONS = "/v1/checkout/sessions"


def links(live: LiveDesk, *asked: tuple[int, int | None]) -> LivePlan:
    with live.console.store.read() as work:
        return links_plan(work, asked)


@pytest.mark.deadline(90)
@pytest.mark.fault(
    "Stripe",
    "In Live one action is armed, and others run beside it",
    "Exactly the calls of the armed action leave, with the amount that was typed; then LIVE is locked again.",
    figure="8 actions, each its own calls and no other",
)
async def test_each_action_sends_its_own_calls_and_no_other(data_dir: Path, tmp_path: Path) -> None:
    async with live_desk(data_dir, tmp_path) as live:
        jane, bob, carl = (live.user(user) for user in (live.jane, live.bob, live.carl))
        for name in ("users", "payments", "meter"):
            await live.desk.hand.open_page(name)
        page = live.desk.page
        users, payments, money_back = page("users")._users, page("payments")._payments, page("payments")._money_back

        made = await live.armed(register_plan("Dora", "dora@uni.example"), users.register, "Dora", "dora@uni.example")
        assert made == [("POST", "/v1/customers")]
        assert await live.armed(customer_plan(carl), users.create_customer, carl) == [("POST", "/v1/customers")]

        sent = await live.armed(links(live, (bob.id, 20_000_000)), users.make_link, bob, 20_000_000)
        assert sent == [("POST", SESSIONS)]
        assert "[unit_amount]=2000&" in live.standin.bodies[-1]

        paid, is_open = live.links(jane, "paid")[-1], live.links(jane, "open")[0]
        closing = ("POST", f"{SESSIONS}/{is_open.session_id}/expire")
        assert await live.armed(expire_plan(is_open), payments.expire, is_open) == [closing]

        seen = live.console.refunds.look(paid.payment_intent)
        asked = (seen, 1_000, RefundReason.REQUESTED, "Asked")

        async def refund() -> None:
            await money_back.refund(*asked, forgive=True)

        assert await live.armed(refund_plan(seen, 1_000), refund) == [("POST", "/v1/refunds")]
        assert "amount=1000" in live.standin.bodies[-1]

        dispute = live.dispute()
        accept = money_back.accept_dispute
        closed = ("POST", f"/v1/disputes/{dispute.id}/close")
        assert await live.armed(accept_dispute_plan(dispute), accept, dispute.id, "Stolen") == [closed]

        both = [live.user(user) for user in (live.jane, live.bob)]
        plan = links(live, *((user.id, None) for user in both))

        async def make_both() -> None:
            for user in both:
                await users.make_link(user)

        sent = await live.armed(plan, make_both)
        assert [path for _, path in sent if path == SESSIONS] == [SESSIONS] * 2
        assert len(sent) == 3, "Bob's earlier link is closed first"

        await spoil(live)
        report = await live.on_stripe(live.console.meter.inspect)
        meter = report.meter.id
        repaired = await live.armed(meter_plan(report, ()), live.desk.page("meter")._meter.repair)
        assert repaired == [("POST", f"/v1/billing/meters/{meter}")]
        assert live.console.live.permit is None

        done = [(subject, after) for action, subject, after, _ in live.trail() if action == "locked LIVE again"]
        assert (f"user {jane.id}", "1 sent: POST /v1/refunds") in done
        assert (f"user {bob.id}", f"1 sent: POST {SESSIONS}") in done


@pytest.mark.deadline(60)
async def test_what_was_not_armed_stays_in(data_dir: Path, tmp_path: Path) -> None:
    """Another amount, another customer, the same again, another thread, later: each is kept in."""
    async with live_desk(data_dir, tmp_path) as live:
        jane = live.user(live.jane)
        paid = live.links(jane, "paid")[-1]
        seen = live.console.refunds.look(paid.payment_intent)
        refunds, before = live.console.refunds, len(live.standin.writes)

        async def refund(cents: int) -> None:
            await live.on_stripe(refunds.refund, seen, cents, RefundReason.REQUESTED, "Asked", "ana", forgive=False)

        for cents, plan in ((1_001, refund_plan(seen, 1_000)), (1_000, links(live, (live.bob.id, None)))):
            with pytest.raises(OperatorError) as kept:
                await live.armed(plan, refund, cents)
            assert kept.value.code == "live.not_planned"
        permit = live.arm(refund_plan(seen, 1_000))
        with pytest.raises(OperatorError) as other:
            await refund(1_000)
        assert other.value.code == "live.locked", "who does not act for it is kept in, though it is the same call"
        live.console.live.lock(permit)
        with acting_for(permit), pytest.raises(OperatorError) as later:
            await refund(1_000)
        assert later.value.code == "live.locked"
        assert live.standin.writes[before:] == []
        said = [after for _, subject, after, _ in live.trail() if subject == f"user {jane.id}"]
        assert said[-1] == "nothing was sent"


@pytest.mark.deadline(60)
async def test_by_keyboard_typed_armed_and_done(data_dir: Path, tmp_path: Path) -> None:
    async with live_desk(data_dir, tmp_path) as live:
        hand, bar = live.desk.hand, live.desk.window.bar
        await hand.until(lambda: bar.lock.text() == "Locked", "the bar says so")
        await hand.open_page("users")
        page = live.desk.page("users")
        await hand.until(page.table.isVisible, "users are listed")
        page.show_argument(live.bob.id)
        await hand.until(lambda: page._user() is not None and page._user().id == live.bob.id, "Bob is shown")
        before = len(live.standin.writes)
        await hand.click(page.panel.checkout)
        await hand.until(hand.dialogs, "it is asked first")
        dialog = hand.dialogs()[0]
        assert isinstance(dialog, ArmDialog)
        told = dict(dialog.values.rows())
        assert (told["Amount"], told["Account"]) == ("$80.00", f"{ACCOUNT} · acct_sandbox")
        assert told["Leaves for Stripe"].startswith(f"POST {SESSIONS}\n")
        await hand.write(dialog.amount, "70")
        await hand.write(dialog.account, ACCOUNT.lower())
        QTest.keyClick(dialog.account, Qt.Key.Key_Return)
        await hand.until(dialog._amount.note.isVisible, "the amount is wrong")
        assert dialog._amount.note.text() == "This is not the amount. It is $80.00."
        await hand.write(dialog.amount, "80")
        await hand.write(dialog.account, "Somebody else")
        QTest.keyClick(dialog.account, Qt.Key.Key_Return)
        await hand.until(lambda: "not the account's name" in dialog._account.note.text(), "the account is wrong")
        await hand.write(dialog.account, f" {ACCOUNT}")
        QTest.keyClick(dialog.account, Qt.Key.Key_Return)
        await hand.until(lambda: dialog.permit is not None, "it is armed")
        await hand.until(lambda: bar.lock.text().startswith("Armed "), "the bar counts down")
        assert dialog.accept_button.text().startswith("Make link · ")
        assert dialog.account.isReadOnly()
        assert live.standin.writes[before:] == []
        QTest.keyClick(dialog.account, Qt.Key.Key_Return)
        await hand.until(lambda: live.links(live.bob, "open"), "the link is made")
        await hand.until(lambda: bar.lock.text() == "Locked", "it is locked again")
        await hand.until(lambda: live.trail()[-1][0] == "locked LIVE again", "it is on record")
        assert live.standin.writes[before:] == [("POST", SESSIONS)]
        assert live.trail()[-2:] == [
            ("armed in LIVE", f"user {live.bob.id}", "$80.00", "Checkout link for Bob Ray"),
            ("locked LIVE again", f"user {live.bob.id}", f"1 sent: POST {SESSIONS}", "Checkout link for Bob Ray"),
        ]


@pytest.mark.deadline(60)
async def test_when_its_time_is_over_it_is_locked_and_nothing_left(data_dir: Path, tmp_path: Path) -> None:
    async with live_desk(data_dir, tmp_path) as live:
        ahead = 0
        lock: LiveLock = live.console.live
        ticks = lock._ticks_ms
        lock._ticks_ms = lambda: ticks() + ahead
        hand, before = live.desk.hand, len(live.standin.writes)
        await hand.open_page("users")
        page = live.desk.page("users")
        page.show_argument(live.carl.id)
        await hand.until(lambda: page._user() is not None, "Carl is shown")
        page._act("customer")
        await hand.until(hand.dialogs, "it is asked first")
        dialog = hand.dialogs()[0]
        assert not dialog.amount.isVisible(), "no money moves: the account's name is enough"
        await hand.write(dialog.account, ACCOUNT)
        await hand.click(dialog.accept_button)
        await hand.until(lambda: dialog.permit is not None, "it is armed")
        ahead = ARMED_MS + 10_000
        await hand.until(lambda: dialog.permit is None, "its time is over")
        assert dialog.state.text() == "The time is over: LIVE is locked again, and nothing has left."
        assert dialog.accept_button.text() == "Arm"
        await hand.until(lambda: lock.permit is None and live.trail()[-1][2] == "nothing was sent", "it is on record")
        await hand.until(lambda: not dialog._arming.running, "it is locked")
        dialog.reject()
        await hand.until(lambda: not page._users.acting, "it is left")
        assert live.standin.writes[before:] == []


@pytest.mark.deadline(90)
async def test_usage_waits_until_metering_is_armed_with_its_sum(data_dir: Path, tmp_path: Path) -> None:
    async with live_desk(data_dir, tmp_path) as live:
        hand, bar, before = live.desk.hand, live.desk.window.bar, len(live.standin.writes)
        await spoil(live)
        await hand.until(lambda: bar.lock.text() == "Locked · 3 wait", "the bar says what waits")
        assert await live.on_stripe(live.console.outbox.send_due) == 0
        assert "LIVE is locked" in live.console.outbox.rests[0]
        with live.console.store.read() as work:
            assert [message.attempts for message in work.outbox.due(2**62, 9)] == [0, 0, 0], "nothing was even tried"
            usage = next(each.cents for each in work.outbox.sums() if each.kind.value == "meter_event")
        await hand.click(bar.lock)
        await hand.until(hand.dialogs, "what runs by itself is shown")
        dialog = hand.dialogs()[0]
        assert isinstance(dialog, StandingDialog)
        assert not dialog.accept_button.isEnabled()
        await hand.click(dialog.switches[Standing.USAGE])
        await hand.write(dialog.amount, "0.02")
        await hand.write(dialog.account, ACCOUNT)
        await hand.click(dialog.accept_button)
        await hand.until(dialog._amount.note.isVisible, "the sum is wrong")
        await hand.write(dialog.amount, str(usage / 100))
        await hand.click(dialog.accept_button)
        await hand.until(lambda: live.standin.writes[before:], "usage goes by itself")
        await hand.until(lambda: bar.lock.text() == "Armed: Metering", "the bar says so")
        assert live.standin.writes[before:] == [("POST", "/v1/billing/meter_events")]
        await hand.until(lambda: live.waiting() == ["balance_credit", "close_link"], "usage is sent, money waits")
        await hand.click(bar.lock)
        await hand.until(hand.dialogs, "it can be locked")
        await hand.click(hand.dialogs()[0].lock)
        await hand.until(lambda: bar.lock.text() == "Locked · 2 wait", "it is locked again")
        # It is locked first and put on record then.
        both = ["armed in LIVE until the console closes", "locked LIVE again"]
        await hand.until(lambda: [action for action, *_ in live.trail()][-2:] == both, "both are on record")


def test_a_plan_is_held_against_every_part_of_a_call() -> None:
    call = Call("POST", f"/v1/customers/{ANY}/balance_transactions", {"amount": "-500"})
    path = "/v1/customers/cus_1/balance_transactions"
    assert call.fits(Outgoing("POST", path, "k", "amount=-500&currency=usd"))
    for wrong in (
        Outgoing("DELETE", path, "k", "amount=-500"),
        Outgoing("POST", "/v1/customers//balance_transactions", "k", "amount=-500"),
        Outgoing("POST", f"{path}/x", "k", "amount=-500"),
        Outgoing("POST", path, "k", "amount=-5000"),
        Outgoing("POST", path, "k", "amount=-9&amount=-500"),
        Outgoing("POST", path, "k", ""),
    ):
        assert not call.fits(wrong)
