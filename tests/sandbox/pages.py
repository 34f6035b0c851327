"""The Checkout page as a browser without JavaScript sees it."""

from html.parser import HTMLParser
from typing import Any

import httpx

from tests.sandbox.conftest import Running


class Page(HTMLParser):
    """What is on a page: its words, links, fields with what stands in them, buttons.

    Args:
        answer: The page as it was sent.
    """

    def __init__(self, running: Running, answer: httpx.Response) -> None:
        super().__init__()
        self._running, self.answer = running, answer
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, dict[str, str]] = {}
        self.links: dict[str, str] = {}
        self.words = ""
        self._open: tuple[str, dict[str, str]] | None = None
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.fields[found["name"]] = found.get("value", "")
        if tag in ("button", "a"):
            self._open = (tag, found)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[0] == tag:
            self._open = None

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._open:
            tag, found = self._open
            if tag == "a":
                self.links[data] = found["href"]
            else:
                self.buttons[data] = {found["name"]: found["value"]} if "name" in found else {}

    def press(self, button: str, **typed: str) -> "Page":
        """Fill in the form and send it, as a browser does."""
        unknown = set(typed) - set(self.fields)
        assert not unknown, f"the page has no field {unknown}"
        sent = self.fields | typed | self.buttons[button]
        return Page(self._running, self._running.raw.post(str(self.answer.url), data=sent))

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def target(self) -> str:
        return self.answer.headers["location"]


def opened(running: Running, url: str) -> Page:
    """The page behind a link, asked for without any key."""
    return Page(running, running.raw.get(url, auth=None))


def console_session(running: Running, cents: int = 35_000, **more: Any) -> Any:
    """A session as the console asks for it."""
    price = {"currency": "usd", "unit_amount": cents, "product_data": {"name": "BioQL Quantum Computing Usage"}}
    metadata = {"bioql_user": "7"}
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "http://127.0.0.1:9/?payment=success&session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/?payment=cancel",
        "client_reference_id": "link-1",
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
    }
    return running.api.checkout.sessions.create({**params, **more})
