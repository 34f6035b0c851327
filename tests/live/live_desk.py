"""A console in Live before a stand-in on loopback, filled by itself, and everything it can be told to do."""

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from bioql_console.domain.checkout import CheckoutLink
from bioql_console.domain.environment import Environment
from bioql_console.domain.live_writes import LivePlan, Standing
from bioql_console.domain.paging import ActivityQuery, CheckoutQuery, MoneyBackQuery
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from bioql_console.services.event_intake import parse
from bioql_console.services.live_lock import Permit, acting_for
from bioql_console.services.live_plans import meter_plan
from tests.gateway.live_standin import LiveStandin
from tests.money.world import BACK, InProcess
from tests.stories.windows import Desk, open_window
from tests.waiting import wait_until

LIVE_KEY = "rk_live_obviouslyfake"
TEST_KEY = "rk_test_obviouslyfake"
ACCOUNT = "BioQL offline"
STRIPE = "live-stripe.db"
CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


@dataclass
class LiveDesk:
    """The window in Live, and what stands in for Stripe.

    Args:
        jane: Has a card, a paid link and a disputed one; owes $350.00 and has an open link.
        bob: Owes $80.00 and has a customer, no card and no link.
        carl: Has no customer.
    """

    desk: Desk
    standin: LiveStandin
    sandbox: Sandbox
    jane: User
    bob: User
    carl: User

    @property
    def console(self) -> Any:
        return self.desk.console

    async def on_stripe(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return await self.console.workers.stripe.run(work, *args, **named)

    def user(self, user: User) -> User:
        with self.console.store.read() as work:
            return work.users.get(user.id)  # type: ignore[no-any-return]

    def links(self, user: User, state: str) -> list[CheckoutLink]:
        with self.console.store.read() as work:
            rows = work.checkouts.page(CheckoutQuery(user_id=user.id), None, 10).rows
        return [row for row in rows if row.state.value == state]

    def dispute(self) -> Any:
        with self.console.store.read() as work:
            rows = work.money_back.page(MoneyBackQuery(kinds=("dispute",)), None, 10).rows
        return rows[0]

    def waiting(self) -> list[str]:
        """The kinds of what waits in the outbox."""
        with self.console.store.read() as work:
            return [message.kind.value for message in work.outbox.due(2**62, 9)]

    def trail(self) -> list[tuple[str, str, str, str]]:
        """The activity trail about the lock, oldest first: action, subject, what, and for what."""
        with self.console.store.read() as work:
            rows = work.activity.page(ActivityQuery("LIVE"), None, 100).rows
        said = [(row.action, row.subject, row.after, row.reason) for row in rows if "LIVE" in row.action]
        return said[::-1]

    def arm(self, plan: LivePlan) -> Permit:
        """As the dialog does, once everything is typed."""
        made: Permit = self.console.live.arm(plan, plan.amount, ACCOUNT, "ana")
        return made

    async def armed(self, plan: LivePlan, work: Callable[..., Awaitable[None]], *args: Any) -> list[tuple[str, str]]:
        """Do it armed; what was written at Stripe by it."""
        before = len(self.standin.writes)
        permit = await self.console.workers.database.run(self.arm, plan)
        try:
            with acting_for(permit):
                await work(*args)
        finally:
            await self.console.workers.database.run(self.console.live.lock, permit)
        return self.standin.writes[before:]


@asynccontextmanager
async def live_desk(data_dir: Path, folder: Path) -> AsyncIterator[LiveDesk]:
    """The window in Live with three users, everything told to Stripe, and locked. It is filled once for all tests."""
    kept = folder.parent / "filled-live-desk"
    if not kept.exists():
        await fill_desk(data_dir, folder, Environment.LIVE)
        shutil.copytree(data_dir, kept / "data")
        shutil.copy(folder / STRIPE, kept / STRIPE)
    else:
        shutil.copytree(kept / "data", data_dir, dirs_exist_ok=True)
        shutil.copy(kept / STRIPE, folder / STRIPE)
    async with filled_desk(data_dir, folder, Environment.LIVE) as live:
        yield live


async def fill_desk(data_dir: Path, folder: Path, environment: Environment, database: str | None = None) -> None:
    """Three users and their money, in the books and at the stand-in."""
    async with _opened(data_dir, folder, environment, database) as (desk, standin, sandbox):
        await desk.console.workers.stripe.run(_fill, desk.console, sandbox, standin)


@asynccontextmanager
async def filled_desk(
    data_dir: Path, folder: Path, environment: Environment, database: str | None = None
) -> AsyncIterator[LiveDesk]:
    """The window on what `fill_desk` made."""
    async with _opened(data_dir, folder, environment, database) as (desk, standin, sandbox):
        with desk.console.store.read() as work:
            people = [work.users.by_email(f"{name}@uni.example") for name in ("jane", "bob", "carl")]
        yield LiveDesk(desk, standin, sandbox, *people)


@asynccontextmanager
async def _opened(
    data_dir: Path, folder: Path, environment: Environment, database: str | None
) -> AsyncIterator[tuple[Desk, LiveStandin, Sandbox]]:
    sandbox = Sandbox(folder / STRIPE)
    standin = LiveStandin(InProcess(sandbox), sandbox.secret_key, livemode=environment.livemode)
    key = LIVE_KEY if environment.livemode else TEST_KEY
    try:
        where = {"environment": environment.value, "stripe_at": standin.url, "dashboard_url": "https://bioql.example"}
        async with open_window(data_dir, users=0, database=database, **where) as desk:  # type: ignore[arg-type]
            console = desk.console
            await console.workers.keychain.run(console.credentials.save_secret_key, environment, key)
            yield desk, standin, sandbox
    finally:
        standin.close()
        sandbox.close()


def _fill(console: Any, sandbox: Sandbox, standin: LiveStandin) -> None:
    console.stripe.gateway()  # whose key it is
    live = console.live
    live.arm_standing(tuple(Standing), "", "", ACCOUNT, "tests")
    plan = meter_plan(console.meter.inspect(), ())
    permit = live.arm(plan, plan.amount, ACCOUNT, "tests")
    with acting_for(permit):
        assert console.meter_repair.repair("tests").problem is None
    live.lock(permit)
    with acting_for(Standing.CUSTOMERS):
        jane = console.registration.register("Jane Smith", "jane@uni.example", "pm_card_visa").user
        bob = console.registration.register("Bob Ray", "bob@uni.example").user
    console.registration.register("Carl Orff", "carl@uni.example", create_stripe_account=False)
    console.users.adjust(jane.id, 60_000_000, "tests", "Opening")
    for _ in range(2):
        pay(sandbox, _link(console, jane).url)
        _hear(console, standin)
        console.users.adjust(jane.id, 50_000_000, "tests", "Opening")
    console.users.adjust(jane.id, 300_000_000, "tests", "Opening")
    console.users.adjust(bob.id, 90_000_000, "tests", "Opening")
    payment = next(each["id"] for each in sandbox._store.select("payment_intent") if each["status"] == "succeeded")
    control(sandbox, "disputes", payment_intent=payment)
    _hear(console, standin)
    _link(console, jane)
    wait_until(lambda: not _waiting(console), 15)
    live.lock_standing("tests")


def _link(console: Any, user: User) -> CheckoutLink:
    with acting_for(Standing.CUSTOMERS):
        made: CheckoutLink = console.checkouts.open(user.id, **BACK)
    return made


def _hear(console: Any, standin: LiveStandin) -> None:
    """Every event of Stripe's that is not here yet is delivered and applied."""
    events = [json.loads(body) for body in standin.events()]
    with console.store.write() as work:
        bodies = [json.dumps(event).encode() for event in events if work.inbox.get(event["id"]) is None]
        work.inbox.add([parse(body, "", EventSource.HTTP, console.now_ms()) for body in bodies])
        work.commit()
    console.missed_events._wake_applier()

    def settled() -> bool:
        with console.store.read() as work:
            return not work.inbox.counts().get(EventState.RECEIVED, 0)

    wait_until(settled, 15)


def _waiting(console: Any) -> bool:
    with console.store.read() as work:
        return bool(work.outbox.sums())


def control(sandbox: Sandbox, name: str, **body: object) -> Any:
    asked = Request("POST", f"/_sandbox/{name}", "", {"host": "127.0.0.1"}, json.dumps(body).encode())
    answer = sandbox.app._control.answer(asked)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def pay(sandbox: Sandbox, address: str) -> None:
    form = urlencode(CARD).encode()
    answer = sandbox.app._page.answer(Request("POST", urlsplit(address).path, "", {"host": "127.0.0.1"}, form))
    assert answer.status == 303, answer.body
