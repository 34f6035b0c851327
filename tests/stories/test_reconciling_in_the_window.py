"""Finance compares books and Stripe in the window, mends what differs, lets the rest stand, and exports it."""

import csv
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QLineEdit

from bioql_console.demo_data import meddle_at_stripe
from bioql_console.domain.difference_kinds import Kind
from bioql_console.ui.pages.reconcile_panel import RemarkDialog
from tests.stories.windows import Desk, open_window


async def opened(desk: Desk) -> Any:
    await desk.hand.open_page("reconcile")
    page = desk.page("reconcile")
    await desk.hand.until(page.run.isEnabled, "the usual period is known")
    return page


async def compare(desk: Desk, page: Any) -> Any:
    before = page._reconcile.result
    await desk.hand.click(page.run)
    await desk.hand.until(lambda: page._reconcile.result is not before, "both sides are compared", 40)
    await desk.hand.until(page.run.isEnabled, "it has come to rest")
    return page._reconcile.result


async def answer(desk: Desk, remark: str) -> RemarkDialog:
    """Give the dialog its remark and accept it."""
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, RemarkDialog)], "it asks")
    dialog = next(one for one in desk.hand.dialogs() if isinstance(one, RemarkDialog))
    await desk.hand.click(dialog.accept_button)
    assert dialog.isVisible(), "without a remark nothing is done"
    await desk.hand.write(dialog.remark, remark)
    await desk.hand.click(dialog.accept_button)
    return dialog


async def test_what_was_done_by_hand_at_stripe_is_found_mended_and_accepted(data_dir: Path, tmp_path: Path) -> None:
    async with open_window(data_dir, users=8) as desk:
        page = await opened(desk)
        await compare(desk, page)
        assert page.state.text() == "They agree", page.words.text()

        await desk.console.workers.stripe.run(meddle_at_stripe, desk.console.stripe.gateway())
        meddled_ms = desk.console.now_ms()
        await desk.hand.until(lambda: desk.console.now_ms() > meddled_ms + 1_500, "nothing of it is on its way")
        found = await compare(desk, page)
        expected = {
            Kind.PAYMENT_BY_HAND, Kind.PAYMENT_FOREIGN, Kind.CUSTOMER_DUPLICATE, Kind.CUSTOMER_DELETED,
            Kind.BALANCE_BY_HAND, Kind.METERED_FOREIGN,
        }  # fmt: skip
        assert set(found.counts) == expected
        assert page.state.text() == "6 differences"
        assert (found.total.off_cents, found.total.named_cents) == (17_245, 17_245)

        rows = page.table.model().rows
        assert rows[0].kind is Kind.PAYMENT_BY_HAND
        await desk.hand.choose_row(page.table)
        await desk.hand.until(lambda: page.panel.difference is rows[0], "it is shown in full")
        await desk.hand.click(page.panel.repair)
        dialog = await answer(desk, "The customer paid by phone")
        assert ("At Stripe", "$123.45") in dialog_rows(dialog)
        await desk.hand.until(lambda: page._reconcile.mended, "it is mended")
        assert page.table.model().index(0, 5).data() == "Mended"

        page.kinds.setCurrentIndex(page.kinds.findData(Kind.PAYMENT_FOREIGN))
        page.kinds.activated.emit(page.kinds.currentIndex())
        await desk.hand.until(lambda: page.table.model().rowCount() == 1, "one kind is shown")
        await desk.hand.choose_row(page.table)
        await desk.hand.until(lambda: page.panel.difference.kind is Kind.PAYMENT_FOREIGN, "the other is shown")
        assert not page.panel.repair.isVisible(), "nothing here can mend it"
        await desk.hand.click(page.panel.accept)
        await answer(desk, "The web shop's")
        await desk.hand.until(lambda: len(page._reconcile.mended) == 2, "it is accepted")

        again = await compare(desk, page)
        assert set(again.counts) == expected - {Kind.PAYMENT_BY_HAND, Kind.PAYMENT_FOREIGN}
        assert [remark.partition(" (")[0] for _, remark in again.accepted] == ["The web shop's"]
        assert (again.total.off_cents, again.total.rest_cents) == (4_900, 0)

        await desk.hand.click(page.export)
        await desk.hand.until(lambda: files(desk), "it asks where")
        target = tmp_path / "reconciliation.csv"
        where = files(desk)[0]
        name = where.findChild(QLineEdit)
        assert name is not None
        name.setText(str(target))
        where.accept()
        await desk.hand.until(target.exists, "it is written")
        lines = list(csv.reader(target.read_text("utf-8-sig").splitlines()))
        assert [line[0] for line in lines if line[1] == "accepted"] == ["payment_foreign"]
        (total,) = [line for line in lines if line[0] == "total"]
        assert total[10] == "49.00"
        assert "acct_sandbox" in lines[-1][2]

        trail = await desk.console.workers.database.run(actions, desk)
        assert trail.count("repaired difference") == trail.count("accepted difference") == 1
        assert trail.count("reconciled books and Stripe") == 3


async def test_a_comparison_can_be_stopped_and_leaves_nothing(data_dir: Path) -> None:
    async with open_window(data_dir, users=8) as desk:
        page = await opened(desk)
        await desk.console.workers.stripe.run(desk.console.sandbox.faults, 429, "/v1/charges", 2)
        await desk.hand.click(page.run)
        await desk.hand.until(page.stop.isVisible, "it can be stopped")
        await desk.hand.click(page.stop)
        await desk.hand.until(lambda: not page.stop.isVisible(), "it has stopped", 40)
        assert page._reconcile.result is None
        await compare(desk, page)
        assert page.state.text() == "They agree"


def dialog_rows(dialog: RemarkDialog) -> tuple[tuple[str, str], ...]:
    from bioql_console.ui.widgets.cards import KeyValues

    return dialog.findChildren(KeyValues)[0].rows()


def files(desk: Desk) -> list[Any]:
    return [one for one in desk.window.findChildren(QFileDialog) if one.isVisible()]


def actions(desk: Desk) -> list[str]:
    from bioql_console.domain.paging import ActivityQuery

    with desk.console.store.read() as work:
        return [row.action for row in work.activity.page(ActivityQuery(), None, 100).rows]
