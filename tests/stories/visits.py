"""A customer's browser at the dashboard of a real site."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.browsers import chromium_page
from tests.sites import JANES_KEY, Site, open_site

LOOPBACK = "http://127.0.0.1:"


class Visit:
    """A customer's browser at the dashboard, and everything it asked for or complained about."""

    def __init__(self, site: Site, page: Any) -> None:
        self.site = site
        self.page = page
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _asked(self, request: Any) -> None:
        # Going to Checkout is a navigation; everything else has to stay with the page's own server.
        allowed = LOOPBACK if request.is_navigation_request() else origin(request.frame.url)
        if not request.url.startswith("data:") and not origin(request.url).startswith(allowed):
            self.elsewhere.append(request.url)

    def _heard(self, message: Any) -> None:
        # The browser logs every status from 400 up by itself; that is no fault of the page.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    async def come(self, query: str = "") -> None:
        await self.page.goto(f"{self.site.url}/dashboard.html{query}")

    async def sign_in(self, key: str = JANES_KEY) -> None:
        await self.page.fill("#key", key)
        await self.page.press("#key", "Enter")

    async def until_text(self, selector: str, text: str) -> None:
        """Wait until the element is seen and holds the text; no-break spaces count as spaces."""
        script = """([selector, text]) => {
          const found = document.querySelector(selector);
          return found?.checkVisibility() && found.innerText.replace(/[\\u00a0\\u202f]/g, " ").includes(text);
        }"""
        await self.page.wait_for_function(script, arg=[selector, text])

    async def until_loaded(self) -> None:
        await self.page.wait_for_function("() => !$('account').ariaBusy && $('notice').hidden")


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def answering(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Callable[[Any], Any]:
    """What `page.route` takes to answer in the server's place."""
    return lambda route: route.fulfill(status=status, json=content, headers=headers)


@asynccontextmanager
async def at_the_dashboard(data_dir: Path, **browser: Any) -> AsyncIterator[Visit]:
    """A visit that ends with: nothing was asked from elsewhere, nothing broke, no key in an address."""
    with open_site(data_dir) as site:
        async with chromium_page(**browser) as page:
            visit = Visit(site, page)
            await visit.come()
            yield visit
            assert JANES_KEY not in page.url
            assert visit.complaints == []
            assert visit.elsewhere == []
