"""A web page of somebody else's in the operator's own browser, which reaches this machine: nothing it sends counts."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.domain.paging import CheckoutQuery, TicketQuery, UserQuery
from tests.browsers import chromium_page
from tests.sites import JANES_KEY, Site, open_site

# What pages can send anywhere without asking, and what they must ask for first.
SENDING = """async ([url, key]) => {
  const bodies = {
    '/auth/register': {name: 'Eve', email: 'eve@evil.example'},
    '/billing/record-usage': {api_key: key, shots: 1000, backend: 'ibm_torino'},
    '/billing/log-usage': {api_key: key, shots: 1000, backend: 'ibm_torino'},
    '/billing/create-payment': {amount: 350},
    '/support/ticket': {priority: 'high', subject: 'Evil', message: 'Evil'},
    '/webhooks/stripe': {id: 'evt_evil', object: 'event', type: 'customer.updated', livemode: false},
  };
  const heard = [];
  for (const [path, body] of Object.entries(bodies)) {
    const text = JSON.stringify(body);
    for (const options of [
      {mode: 'no-cors', headers: {'Content-Type': 'text/plain'}},
      {mode: 'no-cors', headers: {'Content-Type': 'application/x-www-form-urlencoded'}},
      {mode: 'cors', headers: {'Content-Type': 'text/plain'}},
      {mode: 'cors', headers: {'Content-Type': 'application/json', Authorization: `Bearer ${key}`}},
      {mode: 'cors', headers: {'X-API-Key': key}},
    ]) {
      try {
        const answer = await fetch(url + path, {method: 'POST', body: text, ...options});
        heard.push([path, options.mode, answer.type, answer.status]);
      } catch (error) {
        heard.push([path, options.mode, 'refused', 0]);
      }
    }
    navigator.sendBeacon(url + path, text);
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: url + path, enctype: 'text/plain', target: 'frame'});
    const field = document.createElement('input');
    [field.name, field.value] = [text.slice(0, -1) + ', "x": "', '"}'];
    form.append(field);
    document.body.append(form);
    const frame = document.querySelector('iframe');
    await new Promise(done => { frame.onload = done; form.submit(); });
  }
  return heard;
}"""
READING = """async url => {
  const seen = [];
  for (const path of ['/health', '/stats', '/openapi.json', '/dashboard.html', '/auth/user']) {
    for (const mode of ['cors', 'no-cors']) {
      try {
        const answer = await fetch(url + path, {mode});
        seen.push(await answer.text());
      } catch (error) {
        seen.push('');
      }
    }
  }
  return seen.join('');
}"""


class _EvilPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = b"<!doctype html><title>Win a prize</title><body><iframe name=frame></iframe>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def evil_site() -> Iterator[int]:
    """The port of a web server with one page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EvilPage)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def at_the_evil_page(host: str) -> AsyncIterator[Any]:
    async with chromium_page("MAP evil.example 127.0.0.1") as page:
        with evil_site() as port:
            await page.goto(f"http://{host}:{port}/")
            yield page


def counts(site: Site) -> dict[str, int]:
    """Everything that a request could have made."""
    with site.console.store.read() as work:
        return {
            "users": len(work.users.page(UserQuery(), None, 500).rows),
            "tickets": len(work.tickets.page(TicketQuery(), None, 500).rows),
            "links": len(work.checkouts.page(CheckoutQuery(), None, 500).rows),
            "shots": sum(day.shots for day in work.usage.daily(0, site.console.now_ms() + 1, None)),
            "events": len(site.events()),
        }


@pytest.mark.fault(
    "Requests",
    "a page of another site posts forms, beacons, plain text and JSON with a stolen key from the operator's browser",
    "Nothing happens: 403, no header that would let it read, and nothing is stored.",
    figure="42 requests of a real Chromium, from this machine's address and from elsewhere",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
@pytest.mark.chromium
@pytest.mark.deadline(60)
async def test_a_page_of_another_site_changes_nothing(data_dir: Path, host: str) -> None:
    with open_site(data_dir) as site:
        before = counts(site)
        async with at_the_evil_page(host) as page:
            answers: list[tuple[str, int, dict[str, str]]] = []
            page.on("response", lambda answer: answers.append((answer.request.method, answer.status, answer.headers)))
            heard = await page.evaluate(SENDING, [site.url, JANES_KEY])
            read = await page.evaluate(READING, site.url)
        assert {(kind, status) for _, _, kind, status in heard} <= {("opaque", 0), ("refused", 0)}
        assert read == ""
        assert {status for method, status, _ in answers if method == "POST"} <= {403}
        assert [status for method, status, _ in answers if method == "POST"].count(403) >= 12
        assert not [name for _, _, headers in answers for name in headers if name.startswith("access-control-")]
        assert counts(site) == before
        assert site.owed() == 350.0


@pytest.mark.fault(
    "Requests",
    "DNS rebinding in a real browser: a name of the attacker's leads to this machine",
    "The page gets 421 for everything, the dashboard too.",
    figure="6 requests of a real Chromium, each 421",
)
@pytest.mark.chromium
@pytest.mark.deadline(60)
async def test_a_name_that_was_turned_to_this_machine_opens_nothing(data_dir: Path) -> None:
    with open_site(data_dir) as site:
        port = site.url.rpartition(":")[2]
        async with chromium_page("MAP evil.example 127.0.0.1") as page:
            for path in ("/", "/dashboard.html", "/health", "/openapi.json", "/webhooks/stripe"):
                answer = await page.goto(f"http://evil.example:{port}{path}")
                assert answer.status == 421
            # It is same-origin for the browser now, so nothing but the Host header tells.
            found = await page.evaluate(
                """async key => (await fetch('/auth/user', {headers: {Authorization: `Bearer ${key}`}})).status""",
                JANES_KEY,
            )
            assert found == 421


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 201),
        ({"Origin": "https://dash.bioql.example"}, 201),
        ({"Origin": "https://listed.example", "Sec-Fetch-Site": "cross-site"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://dash.bioql.example.evil.example"}, 403),
        ({"Origin": "http://listed.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy.example"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
    ],
)
def test_pages_are_told_by_what_browsers_say_of_them(data_dir: Path, said: dict[str, str], status: int) -> None:
    with open_site(
        data_dir, users=0, dashboard_url="https://dash.bioql.example/", allowed_origins=("https://listed.example",)
    ) as site:
        answer = site.http.post("/auth/register", json={"name": "Ada", "email": "ada@uni.example"}, headers=said)
        assert answer.status_code == status, answer.text
        own: dict[str, str] = {"Origin": f"http://{httpx.URL(site.url).netloc.decode()}"}
        again = site.http.post("/auth/register", json={"name": "Bo", "email": "bo@uni.example"}, headers=own)
        assert again.status_code == 201
