"""The pictures of the Backups card: a list with every reason, one under way, and one that was made."""

from typing import Any

from bioql_console.domain.backups import Reason


async def take_backups(album: Any) -> None:
    """As if imports and upgrades had made copies, then one by hand."""
    console, hand = album.console, album.hand
    page = album.window.page("settings")
    card = page.backups
    for reason in (Reason.UPGRADE, Reason.IMPORT, Reason.RESTORE):
        await console.workers.database.run(lambda why=reason: console.store.back_up(card.folder, reason=why))
    page.area.ensureWidgetVisible(card.copy)
    await hand.click(card.make)
    await hand.until(lambda: card.make.isEnabled() and card.table.model().rowCount() == 4, "a backup is made")
    page.area.ensureWidgetVisible(card.copy)
    await hand.until(lambda: card.command.isVisible(), "how it is restored is said")
    await album._picture("settings-backups")
