"""The pictures of books that don't hold, and of a ledger that can't be written: what stands across every page then."""

from contextlib import suppress
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Difference, Mend
from bioql_console.ui.safety_band import SafetyBand

FULL = OperatorError("The disk is full; nothing was changed.", fix="Free some space, then retry.", code="db.full")
FOUND = Difference(
    "User 1 is shown as owing $410.00 with credit of $0.00, but the postings say $350.00 and $0.00.",
    user_id=1,
    mend=Mend.RECOUNT,
)


async def take_unsafe_books(album: Any) -> None:
    """As if a walk through the books had found a balance changed by hand."""
    console, hand = album.console, album.hand
    band = album.window.findChild(SafetyBand)
    await console.workers.database.run(console.safety.stop, (FOUND,))
    await hand.open_page("users")
    await hand.until(lambda: band.isVisible() and band.mend.isVisible(), "the window says so")
    await album._picture("books-unsafe")
    await hand.click(band.mend)
    await album._dialog_picture("books-mend")
    await hand.click(band.check)
    await hand.until(lambda: not band.isVisible(), "the books hold")


async def take_full_disk(album: Any) -> None:
    """As if the last write had met a full disk, and every look since finds it so."""
    store, hand, notice = album.console.store, album.hand, album.window.trouble.bar

    def meet() -> None:
        with store.troubles.writing():
            raise FULL

    store.try_writing = meet
    with suppress(OperatorError):
        await album.console.workers.database.run(meet)
    await hand.until(lambda: notice.isVisible() and notice.what.text() == FULL.what, "the window says so")
    await album._picture("database-full")
    del store.try_writing
    await album.console.workers.database.run(store.try_writing)
    album.window.vitals.look_at_database()
    await hand.until(lambda: not notice.isVisible(), "it can be written again")
