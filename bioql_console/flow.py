"""The thirteen steps of the payment flow, driven through the real window without a screen.

Real clicks, real HTTP, a real signed webhook. Prints each step with its time, saves a picture of the window after each,
and ends with exit code 0 only if the balance ends at $0.00.
"""

import argparse
import html
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.gui import start_options
from bioql_console.gui_options import GuiOptions
from bioql_console.services.demo import demo_api_key
from bioql_console.settings import Settings, save
from bioql_console.ui.hand import Hand
from bioql_console.ui.session import Session
from bioql_console.ui.start import start

WHO = "Jane Smith"
OWED, SETTLED = "$350.00", "$0.00"
HTTP_TIMEOUT_S = 10.0
PAID_CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "jane.smith@uni.example"}
DECLINED_CARD = {**PAID_CARD, "card_number": "4000 0000 0000 0002"}


class StepFailed(Exception):
    """A step did not come out as it must. The message says what came instead."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise StepFailed(what)


class PaymentFlow:
    """The customer's browser on one side, the operator's window on the other.

    Args:
        artifacts: Where the pictures go.
        say: Takes each line that is printed.
    """

    def __init__(self, session: Session, artifacts: Path, say: Callable[[str], None]) -> None:
        import httpx

        self._hand = Hand(session.window)
        self._window = session.window
        self._artifacts, self._say = artifacts, say
        console = session.console
        check(console is not None and console.server.running, "the console did not open")
        assert console is not None
        self._base = console.server.url
        self._stripe = console.stripe
        self._http = httpx.AsyncClient(timeout=HTTP_TIMEOUT_S, trust_env=False)
        self._key = {"Authorization": f"Bearer {demo_api_key(1, 1)}"}
        self._created: dict[str, Any] = {}
        self._checkout = self._back = ""
        self._panel = self._window.page("users").panel  # type: ignore[attr-defined]

    async def run(self) -> None:
        """All thirteen.

        Raises:
            StepFailed, TimeoutError: a step came out otherwise.
        """
        steps: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            (f"the user sees a pending balance, {OWED}", self._pending),
            ("Pay Now is pressed on the dashboard", self._pay_now),
            ("the dashboard posts the amount to /billing/create-payment", self._post_amount),
            ("the server checks key, customer and amount", self._refusals),
            ("a Checkout Session is made", self._session_made),
            ("Stripe returns id and URL", self._id_and_url),
            ("the browser follows the URL to Checkout", self._checkout_page),
            ("the user pays, after a card that is declined", self._pay),
            ("Stripe processes the payment", self._processed),
            ("the browser is sent back to the dashboard", self._redirected),
            ("Stripe sends the signed webhook", self._webhook),
            ("the server updates the balance", self._balance),
            (f"the dashboard shows {SETTLED}", self._settled),
        )
        try:
            for number, (words, step) in enumerate(steps, 1):
                started = time.monotonic()
                await step()
                took_ms = round((time.monotonic() - started) * 1000)
                await self._hand.picture(self._artifacts / f"step-{number:02d}.png")
                self._say(f"{number:2d}  {took_ms:5d} ms  {words}")
        finally:
            await self._http.aclose()

    async def _pending(self) -> None:
        await self._hand.open_page("users")
        users = self._window.page("users")
        await self._hand.write(users.search, WHO)  # type: ignore[attr-defined]
        table = users.table  # type: ignore[attr-defined]
        await self._hand.until(lambda: table.model().rowCount() == 1, f"{WHO} is found")
        await self._hand.choose_row(table)
        await self._hand.until(lambda: self._panel.owed.text() == OWED, f"the window shows {OWED}")
        check(await self._owed() == 350.0, "the dashboard's data differ from the window's")

    async def _owed(self) -> float:
        answer = await self._http.get(f"{self._base}/dashboard/invoices", headers=self._key)
        check(answer.status_code == 200, f"/dashboard/invoices answered {answer.status_code}")
        return float(answer.json()["current_balance"])

    async def _pay_now(self) -> None:
        page = await self._http.get(f"{self._base}/dashboard.html")
        check(page.status_code == 200 and "Pay Now" in page.text, "the dashboard has no Pay Now")

    async def _create_payment(self, amount: object, headers: dict[str, str]) -> Any:
        address = f"{self._base}/billing/create-payment"
        return await self._http.post(address, json={"amount": amount}, headers=headers)

    async def _post_amount(self) -> None:
        answer = await self._create_payment(350.0, self._key)
        check(answer.status_code == 200, f"it answered {answer.status_code}: {answer.text[:200]}")
        self._created = answer.json()

    async def _refusals(self) -> None:
        for amount, headers, expected in (
            (0, self._key, 400),
            (-1, self._key, 400),
            ("abc", self._key, 400),
            (350.0, {"Authorization": "Bearer bioql_wrong"}, 401),
        ):
            answer = await self._create_payment(amount, headers)
            check(answer.status_code == expected, f"amount {amount!r} answered {answer.status_code}, not {expected}")

    async def _session_made(self) -> None:
        await self._hand.open_page("payments")
        table = self._window.page("payments").table  # type: ignore[attr-defined]
        await self._hand.until(lambda: table.model().rowCount() >= 1, "the link is listed")
        await self._hand.choose_row(table)
        link = table.current_row()
        check(link.amount_cents == 35_000 and link.state.value == "open", "the link is not open for $350.00")

    async def _id_and_url(self) -> None:
        self._checkout = self._created.get("url", "")
        check(self._created.get("session_id", "").startswith("cs_"), "there is no id")
        check(self._checkout.startswith("http://127.0.0.1:"), "the URL does not lead to the sandbox")

    async def _checkout_page(self) -> None:
        page = await self._http.get(self._checkout)
        check(page.status_code == 200, f"Checkout answered {page.status_code}")
        check(OWED in html.unescape(re.sub("<[^>]+>", "", page.text)), f"Checkout does not ask for {OWED}")

    async def _pay(self) -> None:
        declined = await self._http.post(self._checkout, data=DECLINED_CARD)
        check(declined.status_code == 402, f"the declined card answered {declined.status_code}, not 402")
        paid = await self._http.post(self._checkout, data=PAID_CARD)
        check(paid.status_code == 303, f"paying answered {paid.status_code}, not 303")
        self._back = paid.headers["location"]

    async def _processed(self) -> None:
        import asyncio

        session = self._created.get("session_id", "")
        found = await asyncio.to_thread(lambda: self._stripe.gateway().retrieve_checkout(session))
        check(found.payment_status == "paid" and found.amount_total == 35_000, f"Stripe says {found.payment_status}")

    async def _redirected(self) -> None:
        check("payment=success" in self._back, f"sent back to {self._back}")
        check((await self._http.get(self._back)).status_code == 200, "the dashboard does not answer")

    async def _webhook(self) -> None:
        await self._hand.open_page("webhooks")
        page = self._window.page("webhooks")
        table = page.table  # type: ignore[attr-defined]
        wanted = ("checkout.session.completed", "applied")

        def row() -> int:
            rows = [(event.type, event.state.value) for event in table.model().rows]
            return rows.index(wanted) if wanted in rows else -1

        await self._hand.until(lambda: row() >= 0, "the webhook is listed as applied")
        await self._hand.choose_row(table, row())
        inspector = page.inspector  # type: ignore[attr-defined]
        await self._hand.until(lambda: inspector.detail is not None, "the event is inspected")
        check("Signed with the current secret" in inspector.detail.verdict, inspector.detail.verdict)

    async def _balance(self) -> None:
        await self._hand.open_page("users")
        await self._hand.until(lambda: self._panel.owed.text() == SETTLED, f"the window shows {SETTLED}")

    async def _settled(self) -> None:
        owed = await self._owed()
        check(owed == 0, f"the dashboard still shows ${owed:.2f}")


def run(artifacts: Path, data_dir: Path | None = None, say: Callable[[str], None] = print) -> int:
    """Run the flow on fresh demo data; the answer is the exit code."""
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bioql-flow-") as scratch:
        folder = data_dir or Path(scratch) / "data"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        save(Settings(port=0), folder)
        failures: list[str] = []

        async def script(session: Session) -> None:
            try:
                await PaymentFlow(session, artifacts, say).run()
            except (StepFailed, TimeoutError, OperatorError) as error:
                failures.append(str(error))
                await Hand(session.window).picture(artifacts / "failed.png")

        code = start(start_options(GuiOptions(folder, "sandbox", demo=True))._replace(script=script))
    if failures:
        say(f"FAILED: {failures[0]}")
        return 1
    say(f"The balance is {SETTLED}. Pictures of each step: {artifacts.name}/")
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="flow", description=__doc__)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="where the pictures go")
    return run(parser.parse_args().artifacts)


if __name__ == "__main__":
    sys.exit(main())
