"""The manual's picture of the customers' dashboard: `python -m tests.stories.picture_dashboard FILE`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from bioql_console.services.demo import demo_api_key
from tests.browsers import chromium_page, chromium_program
from tests.sites import open_site
from tests.stories.visits import Visit

SOMEBODY = 30


async def take(picture: Path) -> None:
    """Sign in as somebody of the demo data who uses several backends and owes something."""
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder), users=SOMEBODY) as site:
        size = {"width": 1280, "height": 800}
        async with chromium_page(viewport=size, locale="en-US", color_scheme="light", reduced_motion="reduce") as page:
            visit = Visit(site, page)
            await visit.come()
            await visit.sign_in(demo_api_key(1, SOMEBODY))
            await visit.until_loaded()
            await page.screenshot(path=picture, full_page=True)


if __name__ == "__main__":
    if chromium_program() is None:
        sys.exit("Chromium is not installed; the picture of the customers' page stays as it is.")
    asyncio.run(take(Path(sys.argv[1])))
