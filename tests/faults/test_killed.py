"""kill -9 at the moments that matter: between acknowledging and applying, in an export, among many links."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.paging import CheckoutQuery, UserQuery
from bioql_console.services.csv_export import write_csv
from tests.sites import Site, open_site
from tests.soak.kills import soak
from tests.storage.raw import raw
from tests.waiting import wait_until


@pytest.mark.timeout(120)
@pytest.mark.fault(
    "Crash",
    "kill -9 of the server at random moments while customers run and pay",
    "Nothing that was acknowledged is lost, nothing is counted twice, the books balance and the file is sound.",
    figure="`scripts/soak kills`: 1,000 kills, 3,854 events and 1,689 runs acknowledged, 0 lost, 0 doubled",
)
def test_kill_9_under_load(tmp_path: Path) -> None:
    found = soak(tmp_path, kills=5, seed=7)
    assert not found.wrong, found.wrong
    assert found.events + found.usage > 0


ACKNOWLEDGES = """
import json, sys
from bioql_console.domain.webhooks import EventSource
from bioql_console.services.event_intake import InboxWriter, parse
from bioql_console.storage.database import Database
database = Database(sys.argv[1], lambda: 1)
database.open_existing()
writer = InboxWriter(database)
writer.submit(parse(sys.stdin.buffer.read(), "", EventSource.HTTP, 1)).result(20)
print("acknowledged", flush=True)
sys.stdout.close()
import threading
threading.Event().wait()
"""


@pytest.mark.fault(
    "Crash",
    "kill -9 after an event was acknowledged and before it was applied",
    "The next start applies it, once.",
    figure="1 payment, delivered again after the kill, counted once",
)
def test_kill_9_between_acknowledging_and_applying(data_dir: Path) -> None:
    with open_site(data_dir) as site:
        made = site.create_payment().json()
        site.console.sandbox.delivery(paused=True)
        site.pay(made["url"])
        body = next(iter(site.console.stripe.gateway().list_events(types=["checkout.session.completed"]))).body
        url = str(site.console.store.url)
    command = [sys.executable, "-c", ACKNOWLEDGES, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(body)
        server.stdin.close()
        assert server.stdout.readline() == b"acknowledged\n"
        server.send_signal(signal.SIGKILL)
    with open_site(data_dir) as site:
        wait_until(lambda: site.owed() == 0.0)
        site.console.sandbox.delivery(paused=False)  # and it is delivered again
        site.settled()
        assert site.owed() == 0.0
        site.books_balance()


EXPORTS = """
import itertools, sys
from pathlib import Path
from bioql_console.services.csv_export import write_csv
def rows():
    for number in itertools.count():
        if number == 50_000:
            print("writing", flush=True)
        yield f"user {number}", number
write_csv(Path(sys.argv[1]), ("Name", "Owes"), rows())
"""


@pytest.mark.fault(
    "Crash",
    "kill -9 in the middle of an export",
    "The earlier file is as it was, never half of a new one, and the next export replaces it.",
    figure="killed among 50,000 rows, 0 bytes of the earlier file changed",
)
def test_kill_9_in_the_middle_of_an_export(tmp_path: Path) -> None:
    path = tmp_path / "balances.csv"
    write_csv(path, ("Name", "Owes"), [("Ada", 1)])
    before = path.read_bytes()
    with subprocess.Popen([sys.executable, "-c", EXPORTS, str(path)], stdout=subprocess.PIPE) as export:
        assert export.stdout is not None
        assert export.stdout.readline() == b"writing\n"
        export.send_signal(signal.SIGKILL)
    assert path.read_bytes() == before
    assert write_csv(path, ("Name", "Owes"), [("Ada", 2)]) == 1
    assert path.read_text(encoding="utf-8-sig").splitlines() == ["Name,Owes", "Ada,2"]
    assert [left.name for left in tmp_path.iterdir()] == ["balances.csv"]


LINKS = """
import json, sys
from pathlib import Path
from bioql_console.core import Core, StripeSecrets, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.settings import load
from bioql_console.storage.database import Database
url, base, key, folder, *users = sys.argv[1:]
secrets = StripeSecrets(lambda: key, lambda: [])
core = Core(Environment.SANDBOX, load(Path(folder)), Path(folder), Database(url, now_ms), secrets, base)
for user in users:
    link = core.checkouts.open(int(user), success_url="http://a.example", cancel_url="http://a.example", operator="ada")
    print(link.reference, flush=True)
"""


def links_of(site: Site) -> dict[int, list[str]]:
    """By user, the links that may still be paid or are being made."""
    found: dict[int, list[str]] = {}
    with site.console.store.read() as work:
        for link in work.checkouts.page(CheckoutQuery(), None, 500).rows:
            if link.state in (CheckoutState.CREATING, CheckoutState.OPEN):
                found.setdefault(link.user_id, []).append(link.session_id)
    return found


@pytest.mark.fault(
    "Crash",
    "kill -9 in the middle of making many links",
    "Links that were made are kept, one that was cut off is found again or given up, and trying again leaves one page "
    "for each balance.",
    figure="2 kills, after 1 and after 3 links",
)
@pytest.mark.parametrize("after", [1, 3])
def test_kill_9_among_many_links(data_dir: Path, tmp_path: Path, after: int) -> None:
    with open_site(data_dir, users=12) as site:
        with site.console.store.read() as work:
            people = [user for user in work.users.page(UserQuery(), None, 100).rows if user.stripe_customer_id]
            owing = [user.id for user in people if work.ledger.balance(user.id).owed_micros >= 1_000_000]
        stripe = site.console.stripe
        command = [sys.executable, "-c", LINKS, str(site.console.store.url), stripe.base, site.console.secret_key()]
        with subprocess.Popen(
            [*command, str(data_dir), *map(str, owing)], stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout is not None
            made = [program.stdout.readline() for _ in range(after)]
            program.send_signal(signal.SIGKILL)
            made += program.stdout.readlines()
        assert len(made) < len(owing), "it was through before it was killed"
        assert len(links_of(site)) >= len([line for line in made if line.endswith("\n")])
        site.console.checkouts.recover()
        for user in owing:
            site.console.checkouts.open(
                user, success_url="http://a.example", cancel_url="http://a.example", operator="ada"
            )
        assert {user: len(links) for user, links in links_of(site).items()} == dict.fromkeys(owing, 1)
        open_there = [row for row in _sessions(data_dir) if row["status"] == "open"]
        assert len(open_there) == len(owing), "a page that nobody knows of can still be paid"
        site.books_balance()


def _sessions(data_dir: Path) -> list[dict[str, str]]:
    with raw(data_dir / "sandbox" / "stripe.db") as stripe:
        rows = stripe.execute("SELECT body FROM objects WHERE kind = 'checkout.session' AND deleted = 0").fetchall()
    return [json.loads(body) for (body,) in rows]
