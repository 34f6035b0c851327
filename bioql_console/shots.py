"""`shots`: every screen as a picture, offscreen, on demo data. The manual's pictures are made by it."""

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bioql_console.gui import start_options
from bioql_console.gui_options import GuiOptions
from bioql_console.settings import Settings, save

SIZE = (1280, 800)
WHO = "Jane Smith"


def run(folder: Path, theme: str, lang: str, scale: int) -> int:
    """Write the pictures; the answer is the exit code."""
    # Read when the application object is made.
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_SCALE_FACTOR"] = str(scale)
    folder.mkdir(parents=True, exist_ok=True)
    from bioql_console.ui.session import Session
    from bioql_console.ui.start import start

    with tempfile.TemporaryDirectory(prefix="bioql-shots-") as scratch:
        data_dir = Path(scratch)
        save(replace(Settings(), port=0, theme=theme, language=lang), data_dir)
        options = start_options(GuiOptions(data_dir, "sandbox", demo=True))

        async def script(session: Session) -> None:
            await Album(session, folder).take()

        code = start(options._replace(script=script))
    sys.stdout.write(f"{len(list(folder.glob('*.png')))} pictures in {folder}\n")
    return code


class Album:
    """Goes through the window page by page and takes a picture of each state worth seeing."""

    def __init__(self, session: object, folder: Path) -> None:
        from bioql_console.ui.hand import CaughtBrowser, Hand
        from bioql_console.ui.session import Session

        assert isinstance(session, Session)
        assert session.console is not None
        self.console = session.console
        self.window = session.window
        self.hand = Hand(session.window)
        self.folder = folder
        self.browser = CaughtBrowser()

    async def take(self) -> None:
        self.window.resize(*SIZE)
        screens: tuple[Callable[[], Awaitable[None]], ...] = (
            self._overview,
            self._users,
            self._payment,
            self._balances,
            self._payments,
            self._invoices,
            self._meter,
            self._webhooks,
            self._fetched,
            self._server,
            self._activity,
            self._settings,
            self._prices,
            self._support,
            self._overview_with_events,
            self._money_back,
            self._reconcile,
            self._meter_repair,
            self._safety,
            self._palette,
            self._dialog,
            self._status,
            self._environments,
        )
        with self.browser:
            for screen in screens:
                await screen()

    async def _picture(self, name: str) -> None:
        await self.hand.picture(self.folder / f"{name}.png")

    async def _overview(self) -> None:
        page = self.window.page("overview")
        await self.hand.until(lambda: page.set_up.note.text().endswith("of 13"), "the set-up is checked")  # type: ignore[attr-defined]
        vitals = self.window.vitals
        await self.hand.until(
            lambda: vitals is not None and all(sign.state != "unknown" for sign in vitals.signs.values()),
            "all signs of life are known",
        )
        await self._picture("overview-at-first")

    async def _prices(self) -> None:
        page = self.window.page("settings")
        page.tabs.setCurrentWidget(page.prices)  # type: ignore[attr-defined]
        table = page.prices.prices  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() > 5, "prices are listed")
        await self.hand.choose_row(table, 3)
        await self._picture("prices")

    async def _support(self) -> None:
        await self.hand.open_page("support")
        await self.hand.choose_row(self.window.page("support").table)  # type: ignore[attr-defined]
        await self._picture("support")

    async def _overview_with_events(self) -> None:
        await self.hand.open_page("overview")
        table = self.window.page("overview").binding.events  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() > 3, "the last events are shown")
        await self._picture("overview")

    async def _users(self) -> None:
        await self.hand.open_page("users")
        page = self.window.page("users")
        table, panel = page.table, page.panel  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() > 20, "users are listed")
        await self.hand.choose_row(table, 1)
        await self.hand.until(lambda: panel.detail and panel.ledger.model().rowCount(), "a user is shown")
        await self._picture("users")
        for number, name in enumerate(("usage", "payments", "invoices", "tickets", "key"), 1):
            panel.tabs.setCurrentIndex(number)
            await self._picture(f"users-{name}")
        panel.tabs.setCurrentIndex(0)
        await self.hand.write(page.search, "nobody of this name")  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() == 0, "nobody fits")
        await self._picture("users-nobody")

    async def _payment(self) -> None:
        """A paid link, so that payments and events have something to show."""
        page = self.window.page("users")
        table, panel = page.table, page.panel  # type: ignore[attr-defined]
        await self.hand.write(page.search, WHO)  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() == 1, f"{WHO} is found")
        await self.hand.choose_row(table)
        await self.hand.until(lambda: panel.detail and WHO in panel.detail.user.name, f"{WHO} is shown")
        await self.hand.click(panel.checkout)
        await self.hand.until(lambda: self.browser.addresses, "the link is opened")
        await self._picture("users-link")
        await self.pay(self.browser.addresses[0])
        await self.hand.until(lambda: panel.owed.text() == "$0.00", "the payment is applied")
        await self._picture("users-paid")

    async def pay(self, address: str) -> None:
        """By card, on a page of the sandbox."""
        import httpx

        form = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane.smith@uni.example"}
        async with httpx.AsyncClient(trust_env=False) as browser:
            await browser.post(address, data=form)

    async def _balances(self) -> None:
        await self.hand.open_page("balances")
        table = self.window.page("balances").table  # type: ignore[attr-defined]
        await self.hand.choose_row(table, 2)
        await self._picture("balances")

    async def _payments(self) -> None:
        await self.hand.open_page("payments")
        await self.hand.choose_row(self.window.page("payments").table)  # type: ignore[attr-defined]
        await self._picture("payments")

    async def _invoices(self) -> None:
        """A customer reaches the invoice threshold; an hour later Stripe has collected."""
        console = self.console
        assert console.sandbox is not None
        made = await console.workers.stripe.run(
            console.registration.register, "Grace Muster", "grace@uni.example", "pm_card_visa"
        )
        for backend, shots in (("ibm_torino", 980), ("simulator", 8_000)):
            run = partial(console.usage.record, made.user, shots=shots, backend=backend)
            await console.workers.database.run(run)
        page = self.window.page("payments")
        page.tabs.setCurrentWidget(page.invoices)  # type: ignore[attr-defined]
        table = page.invoices.table  # type: ignore[attr-defined]
        await self.hand.until(lambda: table.model().rowCount() == 1, "Stripe drafts the invoice")
        await console.workers.stripe.run(console.sandbox.advance_clock, 3_700)
        await self.hand.until(lambda: table.model().rows[0].paid_cents, "it is collected")
        await self.hand.choose_row(table)
        await self._picture("invoices")

    async def _meter(self) -> None:
        await self.hand.open_page("meter")
        page = self.window.page("meter")
        await self.hand.until(lambda: page.checks.model().rowCount() > 0, "meter and price are known")  # type: ignore[attr-defined]
        await self._picture("meter")
        from bioql_console.shots_outbox import take_outbox

        await take_outbox(self)

    async def _webhooks(self) -> None:
        await self.hand.open_page("webhooks")
        page = self.window.page("webhooks")
        await self.hand.choose_row(page.table)  # type: ignore[attr-defined]
        await self.hand.until(lambda: page.inspector.detail is not None, "the event is inspected")  # type: ignore[attr-defined]
        await self._picture("webhooks")

    async def _fetched(self) -> None:
        """Somebody registers while deliveries are held back; what was missed is fetched and named."""
        console = self.console
        assert console.sandbox is not None
        control = console.sandbox
        await console.workers.stripe.run(lambda: control.delivery(paused=True))
        await console.workers.stripe.run(
            console.registration.register, "Emmy Muster", "emmy@uni.example", "pm_card_visa"
        )
        page = self.window.page("webhooks")
        await self.hand.click(page.backfill.fetch)  # type: ignore[attr-defined]
        await self.hand.until(self.hand.dialogs, "what was missed is named")
        dialog = self.hand.dialogs()[0]
        await self.hand.until(lambda: "applied" in dialog.counted.text(), "it is applied")
        await self._dialog_picture("fetched")
        await console.workers.stripe.run(lambda: control.delivery(paused=False))

    async def _server(self) -> None:
        await self.hand.open_page("server")
        page = self.window.page("server")
        await self.hand.until(lambda: page.external_state.text() != "not asked yet", "both servers are known")  # type: ignore[attr-defined]
        await self._picture("server")

    async def _activity(self) -> None:
        await self.hand.open_page("activity")
        page = self.window.page("activity")
        await self.hand.click(page.books)  # type: ignore[attr-defined]
        await self.hand.until(lambda: page.words.isVisible(), "the books are checked")  # type: ignore[attr-defined]
        await self._picture("activity")

    async def _settings(self) -> None:
        await self.hand.open_page("settings")
        page = self.window.page("settings")
        await self.hand.until(lambda: page.live.state.text() != "not asked yet", "credentials are known")  # type: ignore[attr-defined]
        await self._picture("settings")
        from bioql_console.shots_backups import take_backups

        await take_backups(self)

    async def _money_back(self) -> None:
        from bioql_console.shots_payments import take_payments

        await take_payments(self)

    async def _reconcile(self) -> None:
        from bioql_console.shots_reconcile import take_reconciliation

        await take_reconciliation(self)

    async def _safety(self) -> None:
        from bioql_console.shots_safety import take_full_disk, take_unsafe_books

        await take_unsafe_books(self)
        await take_full_disk(self)

    async def _meter_repair(self) -> None:
        from bioql_console.shots_meter import take_meter_repair

        await take_meter_repair(self)

    async def _palette(self) -> None:
        await self.hand.open_page("overview")
        self.window.open_palette()
        panel = self.window.palette_panel
        assert panel is not None
        await self.hand.write(panel.field, "smith")
        await self.hand.until(lambda: panel.list.count() > 0, "users are found")
        await self._picture("palette")
        self.hand.press("Esc")

    async def _dialog(self) -> None:
        from bioql_console.shots_users import take_users

        await take_users(self)

    async def _dialog_picture(self, name: str) -> None:
        """The dialog that opens, closed again afterwards."""
        await self.hand.until(self.hand.dialogs, "the dialog is open")
        dialog = self.hand.dialogs()[0]
        if not dialog.grab().save(str(self.folder / f"dialog-{name}.png")):
            raise OSError(f"can't write dialog-{name}.png")
        dialog.reject()

    async def _status(self) -> None:
        self.window.status.signs["keychain"].click()
        popover = self.window.status.popover
        assert popover is not None
        if not popover.grab().save(str(self.folder / "status-keychain.png")):
            raise OSError("can't write status-keychain.png")
        popover.hide()

    async def _environments(self) -> None:
        from bioql_console.shots_live import take_environments

        await take_environments(self)
