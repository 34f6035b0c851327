"""Somebody else works on the same ledger: their changes show by themselves, and nobody writes over anybody unseen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bioql_console.domain.users import Plan
from bioql_console.services.changes import Changes
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage.database import Database
from bioql_console.ui.pages.conflict_dialog import ConflictDialog
from bioql_console.ui.widgets.dialogs import FormDialog
from tests.stories.windows import Desk, open_window


@contextmanager
def grace(desk: Desk) -> Iterator[Callable[[Plan], None]]:
    """A colleague's process, in which she changes Jane's plan."""
    console = desk.console
    theirs = Database(console.store.url.render_as_string(hide_password=False), console.now_ms)
    stripe = StripeAccess(console.environment, lambda: None, "http://127.0.0.1:1")
    admin = UserAdmin(theirs, stripe, Changes(), console.now_ms)
    yield lambda plan: admin.set_plan(1, plan, "grace", "by contract")
    theirs.close()


async def change_plan(desk: Desk, panel: Any, plan: Plan) -> Any:
    """Choose a plan in the dialog, without saving; the dialog."""
    from PySide6.QtWidgets import QComboBox

    panel.asked.emit("plan")
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, FormDialog)], "it asks")
    form = desk.hand.dialogs()[0]
    form.findChild(QComboBox).setCurrentIndex(list(Plan).index(plan))
    await desk.hand.write(form._checked[0][1], "Asked by e-mail")
    return form


async def conflict(desk: Desk) -> Any:
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, ConflictDialog)], "it is said")
    return next(one for one in desk.hand.dialogs() if isinstance(one, ConflictDialog))


async def test_what_a_colleague_changes_shows_by_itself(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        panel = await desk.show_jane()
        with grace(desk) as changes_plan:
            await desk.console.workers.database.run(changes_plan, Plan.ENTERPRISE)
            await desk.hand.until(lambda: "enterprise" in panel.who.text(), "the panel shows her new plan")


async def test_theirs_stays_or_mine_is_written_knowingly(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        panel = await desk.show_jane()
        run = desk.console.workers.database.run
        with grace(desk) as changes_plan:
            form = await change_plan(desk, panel, Plan.BASIC)
            await run(changes_plan, Plan.ENTERPRISE)
            await desk.hand.click(form.accept_button)
            asked = await conflict(desk)
            said = dict(asked.values.rows())
            assert said["Now it is"] == "enterprise"
            assert said["You want"] == "basic"
            assert said["They did"].startswith("changed plan: ")
            asked.reject()
            await desk.hand.until(lambda: panel.detail.user.plan is Plan.ENTERPRISE, "hers stays")
            await desk.hand.until(lambda: not desk.page("users").model.acting, "it is over")

            form = await change_plan(desk, panel, Plan.BASIC)
            await run(changes_plan, Plan.PRO)
            await desk.hand.click(form.accept_button)
            first = await conflict(desk)
            await run(changes_plan, Plan.FREE)  # and once more, while it is being read
            await desk.hand.click(first.accept_button)
            await desk.hand.until(lambda: first not in desk.hand.dialogs() and desk.hand.dialogs(), "it is said again")
            again = await conflict(desk)
            assert dict(again.values.rows())["Now it is"] == "free"
            await desk.hand.click(again.accept_button)
            await desk.hand.until(lambda: panel.detail.user.plan is Plan.BASIC, "mine is written")


async def test_who_looks_at_the_same_customer_is_named(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        panel = await desk.show_jane()
        assert not panel.others.isVisible()
        note = {"writer": "another window", "at": "user 1", "operator": "<b>grace</b>", "host": "lab-2"}
        await desk.console.workers.database.run(desk.console.team.hear, note)
        await desk.hand.until(panel.others.isVisible, "she is named")
        assert panel.others.text() == "<b>grace</b> (lab-2) is looking at this customer"
        await desk.console.workers.database.run(desk.console.team.hear, {**note, "at": ""})
        await desk.hand.until(lambda: not panel.others.isVisible(), "she went")
