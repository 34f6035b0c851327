"""The panel about a user follows what was read, and only of the user who is shown."""

from dataclasses import replace

from pytestqt.qtbot import QtBot

from bioql_console.domain.invoices import Accrual, Threshold
from bioql_console.domain.ledger import Balance
from bioql_console.domain.users import Plan, User
from bioql_console.ui.pages.user_panel import UserPanel
from bioql_console.ui.viewmodels.user_detail import UserDetail

NOW = 1_795_000_000_000
ADA = User(1, "Ada", "ada@uni.example", Plan.PRO, "bioql_…1", "cus_1", None, False, NOW, None, 1)
BEN = replace(ADA, id=2, name="Ben", email="ben@uni.example")


def test_what_a_colleague_changed_of_the_user_shows_before_the_rest_is_read(qtbot: QtBot) -> None:
    panel = UserPanel()
    qtbot.addWidget(panel)
    panel._now_ms = lambda: NOW
    panel.show_user(ADA)
    assert panel.user_name.text() == "", "nobody is shown yet"
    panel.show_detail(UserDetail(ADA, None, (), 0, 0, None, Accrual(Threshold.CONSOLE, 0, 1)))
    assert not panel.checkout.isEnabled()
    panel.show_user(replace(ADA, plan=Plan.ENTERPRISE).with_balance(Balance(3_500_000)))
    assert "enterprise" in panel.who.text()
    assert (panel.owed.text(), panel.checkout.isEnabled()) == ("$3.50", True)
    assert panel.detail is not None
    assert panel.detail.user.balance.owed_micros == 3_500_000, "a button acts on what is shown"
    panel.lock(True)
    panel.show_user(panel.detail.user)
    assert not panel.checkout.isEnabled(), "something is being done"
    panel.lock(False)
    assert panel.checkout.isEnabled()
    panel.show_user(BEN)
    assert panel.user_name.text() == "Ada", "read for somebody who was chosen before"
