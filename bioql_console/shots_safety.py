"""The pictures of books that don't hold: the band across the top, and the plan that mends it."""

from typing import Any

from bioql_console.domain.verification import Difference, Mend
from bioql_console.ui.safety_band import SafetyBand

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
