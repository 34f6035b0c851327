"""The pictures of dialogs about users, and of a colleague who works on the same one."""

from typing import Any

from bioql_console.domain.users import Plan

JANE = 1


async def take_users(album: Any) -> None:
    """Registering; a customer whom a colleague looks at too; an edit that the colleague was faster with."""
    console, hand = album.console, album.hand
    await hand.open_page("users")
    album.window.show_page("users", "register")
    await album._dialog_picture("register")
    page = album.window.page("users")
    page._show_everybody()
    await hand.until(lambda: page.table.model().rowCount() > 1, "everybody is listed")
    album.window.show_page("users", JANE)
    panel = page.panel
    await hand.until(lambda: panel.detail and panel.detail.user.id == JANE, "she is shown")
    note = {"writer": "another window", "at": f"user {JANE}", "operator": "grace", "host": "lab-2"}
    await console.workers.database.run(console.team.hear, note)
    await hand.until(panel.others.isVisible, "the colleague is named")
    await album._picture("users-colleague")
    panel.asked.emit("plan")
    await hand.until(hand.dialogs, "it asks")
    form = hand.dialogs()[0]
    await hand.write(form._checked[0][1], "Agreed by phone")
    await console.workers.database.run(console.users.set_plan, JANE, Plan.ENTERPRISE, "grace", "New contract")
    await hand.click(form.accept_button)
    await hand.until(lambda: form not in hand.dialogs() and hand.dialogs(), "the conflict is said")
    await album._dialog_picture("conflict")
    await console.workers.database.run(console.team.hear, {**note, "at": ""})
    await hand.until(lambda: not panel.others.isVisible(), "the colleague left")
