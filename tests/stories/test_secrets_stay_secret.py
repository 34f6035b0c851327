"""A secret that is entered in the window is in the keychain, and nowhere else."""

import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from bioql_console.domain.environment import Environment
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from tests.sandbox.conftest import Running, serving
from tests.stories.windows import open_window

CANARY_KEY = "sk_test_CanaryOfTheTests4711"
CANARY_SECRET = "whsec_CanaryOfTheTests4712"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """What stands in for Stripe, and knows the canary."""
    with serving(tmp_path / "stripe.db") as made:
        made.control("keys", key=CANARY_KEY)
        yield made


@pytest.mark.fault(
    "Secrets",
    "secrets are entered, used and replaced in the window",
    "They are in the keychain and nowhere else: no file, no log, no child's words.",
)
@pytest.mark.keychain
@pytest.mark.deadline(40)
async def test_canary_is_in_the_keychain_and_nowhere_else(data_dir: Path, running: Running) -> None:
    async with open_window(data_dir, users=0, environment="test", stripe_at=running.url) as desk:
        await desk.hand.open_page("settings")
        card = desk.page("settings").test
        for name, canary in ((SECRET_KEY_NAME, CANARY_KEY), (WEBHOOK_SECRET_NAME, CANARY_SECRET)):
            before = card.stored[name].text()
            await desk.hand.write(card.fields[name].field, canary)
            desk.window.setFocus()
            await desk.hand.click(card.findChild(type(card.explore), f"save_test_{name}"))
            await desk.hand.until(lambda name=name, before=before: card.stored[name].text() != before, "it is stored")
            assert canary not in card.stored[name].text()
            assert card.fields[name].field.text() == ""
        await desk.hand.until(lambda: card.state.text() == "complete", "both are stored")

        await desk.hand.write(card.fields[SECRET_KEY_NAME].field, "pk_test_CanaryOfTheTests4713")
        await desk.hand.until(card.saves[0].isEnabled, "what was stored is shown")
        await desk.hand.click(card.saves[0])
        notice = desk.page("settings").notice
        await desk.hand.until(notice.isVisible, "a publishable key is refused")
        assert "publishable" in notice.what.text()
        assert "4713" not in notice.what.text() + notice.fix.text()

        assert desk.console.credentials.stripe_secret_key(Environment.TEST) == CANARY_KEY
        assert CANARY_KEY not in repr(desk.console.credentials)
        assert not _files_with(data_dir, "CanaryOfTheTests")
        assert "CanaryOfTheTests" not in Path("/proc/self/cmdline").read_text()
        await desk.hand.open_page("activity")
        rows = desk.page("activity").table.model()
        await desk.hand.until(lambda: rows.rowCount() >= 2, "the trail knows of it by fingerprint")

    entries = [
        keyring.get_password("bioql-console", name) for name in ("test/stripe_secret_key", "test/webhook_secret")
    ]
    assert entries == [CANARY_KEY, CANARY_SECRET]
    assert not _files_with(data_dir, "CanaryOfTheTests")


@pytest.mark.keychain
async def test_text_of_a_failure_never_holds_the_key(data_dir: Path) -> None:
    from bioql_console.domain.errors import OperatorError
    from bioql_console.services.logs import bug_report

    async with open_window(data_dir, users=0) as desk:
        desk.console.credentials.save_secret_key(Environment.TEST, CANARY_KEY)
        with pytest.raises(OperatorError) as refused:
            desk.console.credentials.save_secret_key(Environment.LIVE, CANARY_KEY)
        assert CANARY_KEY not in "".join(traceback.format_exception(refused.value))
        assert CANARY_KEY not in bug_report(RuntimeError(f"somebody put {CANARY_KEY} into a text"))


@pytest.mark.fault(
    "Keychain",
    "no keychain while the window is open",
    "The window keeps working, holds secrets for this run only, and says so.",
)
async def test_without_a_keychain_secrets_live_for_this_run_only_and_the_window_says_so(
    data_dir: Path, running: Running
) -> None:
    async with open_window(data_dir, stripe_at=running.url) as desk:
        await desk.hand.open_page("settings")
        page = desk.page("settings")
        await desk.hand.until(lambda: "for this run only" in page.keychain_words.text(), "the page says so")
        card = page.test
        await desk.hand.write(card.fields[SECRET_KEY_NAME].field, CANARY_KEY)
        desk.hand.press("Return")
        stored = card.stored[SECRET_KEY_NAME]
        await desk.hand.until(lambda: "for this run only" in stored.text(), "it is kept for this run")
        sign = desk.window.status.signs["keychain"]
        await desk.hand.until(lambda: "this run only" in sign.text(), "the status bar says so")
        assert not _files_with(data_dir, "CanaryOfTheTests")
    async with open_window(data_dir) as desk:
        assert desk.console.credentials.stripe_secret_key(Environment.TEST) is None


def _files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
