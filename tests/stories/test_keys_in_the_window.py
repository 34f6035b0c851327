"""An operator enters a key, sees what it can't do, replaces it, and rotates the signing secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.domain.environment import Environment
from bioql_console.services.key_permissions import advice, needed
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.signature import sign
from tests.sandbox.conftest import Running, serving
from tests.stories.windows import Desk, open_window

ALL = {permission.resource.slug: permission.access.value.lower() for permission in needed()}
TEST = Environment.TEST


@pytest.fixture
def stripe(tmp_path: Path) -> Iterator[Running]:
    """What stands in for Stripe in Test."""
    with serving(tmp_path / "stripe.db") as made:
        yield made


def made(stripe: Running, permissions: dict[str, str] | None, **more: object) -> str:
    return str(stripe.control("keys", permissions=permissions, **more)["key"])


async def enter(desk: Desk, name: str, secret: str) -> Any:
    """Type a secret into its field and save; answers the card."""
    card = desk.page("settings").test
    await desk.hand.until(card.saves[0].isEnabled, "something can be saved")
    await desk.hand.write(card.fields[name].field, secret)
    desk.hand.press("Return")
    return card


async def dialog_of(desk: Desk) -> Any:
    await desk.hand.until(desk.hand.dialogs, "it is asked first")
    return desk.hand.dialogs()[0]


@pytest.mark.deadline(60)
async def test_restricted_key_is_proven_explored_and_replaced(data_dir: Path, stripe: Running) -> None:
    weak, full = made(stripe, {**ALL, "charge": "read"}), made(stripe, ALL)
    async with open_window(data_dir, users=0, environment="test", stripe_at=stripe.url) as desk:
        await desk.hand.open_page("settings")
        card = await enter(desk, SECRET_KEY_NAME, weak)
        await desk.hand.until(card.capabilities.isVisible, "what the key may do is shown")
        assert card.capabilities.account.text() == "The key works: BioQL offline · acct_sandbox"
        assert card.capabilities.rows["Register customers"] == ("Works", "")
        refund = card.capabilities.rows["Refund"]
        assert refund == ("Can't", "Set Charges and Refunds to Write on Stripe's API keys page.")
        await desk.hand.until(lambda: "proven" in card.facts.text(), "the account is shown")
        assert card.facts.text().startswith("Restricted key. BioQL offline · acct_sandbox, proven")
        await desk.hand.click(card.capabilities.copy)

        await enter(desk, SECRET_KEY_NAME, full)
        dialog = await dialog_of(desk)
        assert weak not in shown_by(dialog)
        await desk.hand.click(dialog.accept_button)
        old = card.old[SECRET_KEY_NAME]
        await desk.hand.until(old.isVisible, "the old key is kept")
        assert desk.console.credentials.stripe_secret_key(TEST) == full
        assert desk.console.stripe.gateway().account().id == "acct_sandbox"

        stripe.control("keys/change", key=weak, expired=True)
        await desk.hand.until(card.is_dead.isEnabled, "the old key can be looked at")
        await desk.hand.click(card.is_dead)
        await desk.hand.until(lambda: not old.isVisible(), "the dead key is removed")
        assert "it is dead" in card.result.text()

        from PySide6.QtGui import QGuiApplication

        assert QGuiApplication.clipboard().text() == advice()
        assert weak not in shown_by(desk.window)
        assert full not in shown_by(desk.window)
    for secret in (weak, full):
        found = [path for path in data_dir.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert found == [], "A key is in a file."


@pytest.mark.deadline(60)
async def test_key_of_another_account_and_one_without_stripe(data_dir: Path, stripe: Running) -> None:
    mine, other = made(stripe, ALL), made(stripe, ALL, account="acct_other", account_name="Another lab")
    async with open_window(data_dir, users=0, environment="test", stripe_at=stripe.url) as desk:
        await desk.hand.open_page("settings")
        card = await enter(desk, SECRET_KEY_NAME, mine)
        await desk.hand.until(lambda: "proven" in card.facts.text(), "the account is shown")
        desk.console.credentials.forget(TEST)
        await enter(desk, SECRET_KEY_NAME, other)
        dialog = await dialog_of(desk)
        assert "Change the Stripe account" in dialog.windowTitle()
        dialog.reject()
        notice = desk.page("settings").notice
        await desk.hand.until(notice.isVisible, "the refusal is said")
        assert "Another lab · acct_other" in notice.what.text()
        assert desk.console.credentials.stripe_secret_key(TEST) is None
    async with open_window(data_dir, users=0, environment="test") as desk:  # nothing answers as Stripe
        await desk.hand.open_page("settings")
        card = await enter(desk, SECRET_KEY_NAME, made(stripe, ALL))
        dialog = await dialog_of(desk)
        assert "Save without proof" in dialog.windowTitle()
        assert desk.console.credentials.stripe_secret_key(TEST) is None
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: "Not proven yet" in card.facts.text(), "it says that the proof is open")


@pytest.mark.deadline(60)
async def test_signing_secret_is_rotated_and_the_old_one_is_seen_at_work(data_dir: Path, stripe: Running) -> None:
    async with open_window(data_dir, users=0, environment="test", stripe_at=stripe.url) as desk:
        await desk.hand.open_page("settings")
        card = await enter(desk, WEBHOOK_SECRET_NAME, "whsec_first1")
        await desk.hand.until(lambda: "fingerprint" in card.stored[WEBHOOK_SECRET_NAME].text(), "it is stored")
        await enter(desk, WEBHOOK_SECRET_NAME, "whsec_second2")
        await desk.hand.click((await dialog_of(desk)).accept_button)
        old = card.old[WEBHOOK_SECRET_NAME]
        await desk.hand.until(old.isVisible, "both are kept")
        assert "not used since the start" in old.words.text()

        desk.console.server.start()
        for secret, status in (("whsec_first1", 200), ("whsec_second2", 200), ("whsec_third3", 400)):
            assert await send(desk, secret) == status
        await desk.hand.until(card.saves[1].isEnabled, "nothing is under way")
        desk.page("settings").flow._look_again()
        await desk.hand.until(lambda: "last used" in old.words.text(), "the old one's use is shown")
        await desk.hand.click(card.ends[WEBHOOK_SECRET_NAME])
        await desk.hand.until(lambda: not old.isVisible(), "the old one is removed")
        assert await send(desk, "whsec_first1") == 400


def shown_by(widget: Any) -> str:
    """Every text of a widget and all in it, also what only a screen reader says."""
    from PySide6.QtWidgets import QWidget

    parts = []
    for each in (widget, *widget.findChildren(QWidget)):
        texts = (getattr(each, name, None) for name in ("text", "toolTip", "accessibleName", "windowTitle"))
        parts += [str(text()) for text in texts if callable(text)]
    return "\n".join(parts)


async def send(desk: Desk, secret: str) -> int:
    """A signed event to the console's own listener; the answer's status."""
    body = (
        b'{"id": "evt_%s", "object": "event", "type": "ping", "created": 1, "livemode": false, "data": {"object": {}}}'
    )
    body = body.replace(b"%s", secret.encode())
    headers = {"Stripe-Signature": sign(body, secret, desk.console.now_ms()), "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(desk.console.server.webhook_url, content=body, headers=headers)).status_code
