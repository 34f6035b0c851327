"""What one process changes, the windows of the others hear within a second, whatever stands between them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bioql_console.domain.ledger import adjustment_fact
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.domain.users import Plan
from bioql_console.services.ports import Work
from bioql_console.storage.change_notes import EVERY_TOPIC
from bioql_console.storage.database import Database, sqlite_url
from tests.storage.people import NOW, rows
from tests.teams.events import customers, paid
from tests.teams.feeds import listening
from tests.waiting import wait_until

postgresql = pytest.mark.postgresql
Join = Callable[[], Database]
DEEDS: dict[str, tuple[Callable[[Work], object], set[str]]] = {
    "another plan": (lambda work: work.users.set_plan(1, Plan.PRO), {"users"}),
    "an adjustment": (lambda work: work.ledger.post(adjustment_fact("a", 1, 5, NOW, "", "ada")), {"balances"}),
    "a ticket": (
        lambda work: work.tickets.add(Ticket("TKT-1", 1, Priority.LOW, "s", "m", TicketState.OPEN, NOW)),
        {"tickets"},
    ),
    "an event": (lambda work: work.inbox.add([paid(1, 0)]), {"events"}),
    "a word in the trail": (lambda work: work.activity.record("ada", "looked", "user 1"), {"activity"}),
}


def do(database: Database, deed: Callable[[Work], object]) -> None:
    with database.write() as work:
        deed(work)  # type: ignore[arg-type]
        work.commit()


@postgresql
def test_each_deed_is_heard_by_its_topic_and_not_by_who_did_it(join: Join) -> None:
    ours, theirs = join(), join()
    customers(ours, 1, 1)
    with listening(ours) as us, listening(theirs) as they:
        for deed, topics in DEEDS.values():
            us.topics.clear()
            do(theirs, deed)
            wait_until(lambda: us.topics)
            assert us.all_topics == topics
        do(theirs, lambda work: work.users.touch(1, NOW))
        wait_until(lambda: {"users"} in us.topics)
        assert they.topics == [], "it heard itself"


@postgresql
def test_what_is_not_committed_is_not_told(join: Join) -> None:
    ours, theirs = join(), join()
    customers(ours, 1, 1)
    with listening(ours) as us:
        with theirs.write() as work:
            work.users.set_plan(1, Plan.PRO)
        do(theirs, DEEDS["a ticket"][0])
        wait_until(lambda: us.topics)
        assert us.all_topics == {"tickets"}


@postgresql
@pytest.mark.fault(
    "PostgreSQL",
    "the connection on which a window listens for others' changes is cut",
    "The window looks every second whether anybody wrote, reads everything again, and listens again later.",
    figure="1 cut, 0 changes missed",
)
def test_a_cut_line_is_noticed_and_what_was_missed_is_read(join: Join) -> None:
    ours, theirs = join(), join()
    customers(theirs, 1, 1)
    with listening(ours) as us:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert rows(theirs, cut) == [(True,)]
        wait_until(lambda: us.feed.listening is False)
        do(theirs, DEEDS["another plan"][0])
        wait_until(lambda: EVERY_TOPIC in us.topics)


@pytest.fixture
def pooled_url(team_url: str, tmp_path: Path) -> Iterator[str]:
    """The team's database behind a pooler that lends its connections for one transaction at a time."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("pgbouncer is not installed (Debian package pgbouncer)")
    address = make_url(team_url)
    folder = Path("/tmp") / f"pgb-{address.database}"
    folder.mkdir(mode=0o755)
    shutil.chown(folder, "postgres", "postgres")
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={address.query['host']} user=tests\n[pgbouncer]\nauth_type = any\nlisten_addr =\n"
        f"unix_socket_dir = {folder}\nlisten_port = 6432\npool_mode = transaction\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    pooler = subprocess.Popen(
        [program, "-q", "-u", "postgres", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: (folder / ".s.PGSQL.6432").exists() or pooler.poll() is not None)
        yield address.set(query={"host": str(folder), "port": "6432"}).render_as_string(hide_password=False)
    finally:
        pooler.terminate()
        pooler.wait(10)
        shutil.rmtree(folder)


@postgresql
@pytest.mark.fault(
    "PostgreSQL",
    "a pooler between window and server swallows notifications",
    "The window notices that it does not hear itself, looks every second instead, and the status bar says so.",
    figure="a real PgBouncer, 0 changes missed",
)
def test_behind_a_pooler_changes_are_looked_for(pooled_url: str, join: Join) -> None:
    theirs = join()
    customers(theirs, 1, 1)
    ours = Database(pooled_url, lambda: NOW)
    heard: list[frozenset[str]] = []
    feed = ours.feed(heard.append, lambda _note: None)
    feed.start()
    try:
        wait_until(lambda: feed.listening is False, 15)
        heard.clear()
        do(theirs, DEEDS["another plan"][0])
        wait_until(lambda: EVERY_TOPIC in heard)
    finally:
        feed.stop()
        ours.close()


def test_on_one_file_the_other_process_is_heard_and_the_own_is_not(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "bioql.db")
    ours, theirs = Database(url, lambda: NOW), Database(url, lambda: NOW)
    ours.open(tmp_path / "backups")
    customers(ours, 1, 1)
    with listening(ours) as us, listening(theirs) as they:
        do(ours, DEEDS["another plan"][0])
        wait_until(lambda: they.topics == [EVERY_TOPIC])
        assert us.topics == [], "it heard itself"
        do(theirs, DEEDS["a ticket"][0])
        wait_until(lambda: us.topics == [EVERY_TOPIC])
        assert they.topics == [EVERY_TOPIC]
    ours.close()
    theirs.close()
