"""A secret that is entered in the window is in the keychain, and nowhere else."""

import asyncio
import os
import sys
import tempfile
import traceback
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import keyring
import pytest
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QWidget

from bioql_console.domain.environment import Environment
from bioql_console.services.logs import bug_report
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.ui.widgets.buttons import CopyButton
from bioql_console.ui.widgets.dialogs import SecretOnceDialog
from tests.sandbox.conftest import Running, serving
from tests.services.leaks import files_with
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
    figure="3 secrets, found in 0 places but the keychain",
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
        assert not files_with("CanaryOfTheTests", data_dir)
        assert "CanaryOfTheTests" not in Path("/proc/self/cmdline").read_text()
        await desk.hand.open_page("activity")
        rows = desk.page("activity").table.model()
        await desk.hand.until(lambda: rows.rowCount() >= 2, "the trail knows of it by fingerprint")

    entries = [
        keyring.get_password("bioql-console", name) for name in ("test/stripe_secret_key", "test/webhook_secret")
    ]
    assert entries == [CANARY_KEY, CANARY_SECRET]
    assert not files_with("CanaryOfTheTests", data_dir)


@pytest.mark.fault(
    "Secrets",
    "A whole session with secrets that would be recognised: keys kept, a bug shown, books checked and copied, a "
    "command run beside the window",
    "None is in a file, a log, the bug report, the clipboard, a title, what a screen reader is told, or the arguments "
    "and environment of any of our processes.",
    figure="2 secrets, 5 processes, found in 0 places",
)
@pytest.mark.keychain
@pytest.mark.deadline(90)
async def test_canary_is_nowhere_after_a_whole_session(data_dir: Path, running: Running, tmp_path: Path) -> None:
    async with open_window(data_dir, users=0, environment="test", stripe_at=running.url) as desk:
        console = desk.console
        await console.workers.keychain.run(console.credentials.save_secret_key, Environment.TEST, CANARY_KEY)
        await console.workers.keychain.run(console.credentials.save_webhook_secret, Environment.TEST, CANARY_SECRET)
        await console.workers.stripe.run(lambda: console.stripe.gateway().account())
        for page in ("settings", "meter", "webhooks", "server", "activity"):
            await desk.hand.open_page(page)
        await desk.hand.click(desk.page("activity").books)

        desk.session.bug_found.emit(bug_report(RuntimeError(f"{CANARY_KEY} and {CANARY_SECRET}")))
        await desk.hand.until(desk.hand.dialogs, "the bug is shown")
        (dialog,) = desk.hand.dialogs()
        await desk.hand.click(dialog.findChild(CopyButton))
        report = QGuiApplication.clipboard().text()
        assert "RuntimeError" in report
        assert "Canary" not in report + dialog.report.toPlainText()
        assert not _said_with(desk.window, "CanaryOfTheTests")
        await desk.hand.click(dialog.accept_button)

        command = [sys.executable, "-m", "bioql_console", "verify", "--json", "--data-dir", str(data_dir)]
        child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
        seen = _processes_with("CanaryOfTheTests")
        said, _ = await child.communicate()
        assert b"Canary" not in said
        assert seen == _processes_with("CanaryOfTheTests") == []
        await console.workers.database.run(console.store.back_up, tmp_path / "copies")
        assert list((tmp_path / "copies").iterdir()), "there is a copy to look into"
    assert not files_with("CanaryOfTheTests", data_dir, tmp_path / "copies", Path(os.environ["HOME"]))
    new = [path for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith("bioql")]
    assert not files_with("CanaryOfTheTests", *(path for path in new if path.is_dir()))


def _said_with(window: QWidget, text: str) -> list[str]:
    """What any widget shows, is titled, explains, or tells a screen reader, if it holds the text."""
    said = []
    for widget in (window, *window.findChildren(QWidget)):
        said += [widget.windowTitle(), widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
        interface = QAccessible.queryAccessibleInterface(widget)
        if interface is not None:
            said += [interface.text(each) for each in (QAccessible.Text.Name, QAccessible.Text.Value)]
    return [each for each in said if text in each]


def _processes_with(text: str) -> list[str]:
    """Our processes whose arguments or environment hold the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                if text.encode() in (folder / name).read_bytes():
                    found.append(f"{folder.name} {name}")
    return found


async def test_customers_key_leaves_the_clipboard_once_it_is_handed_over(data_dir: Path) -> None:
    async with open_window(data_dir, users=0) as desk:
        dialog = SecretOnceDialog(desk.window, "API key of Ada", "SANDBOX", "bioql_canary_of_the_tests")
        dialog.open()
        await desk.hand.click(dialog.findChild(CopyButton))
        assert QGuiApplication.clipboard().text() == "bioql_canary_of_the_tests"
        await desk.hand.click(dialog.accept_button)
        assert QGuiApplication.clipboard().text() == ""
        dialog.deleteLater()


@pytest.mark.keychain
async def test_text_of_a_failure_never_holds_the_key(data_dir: Path) -> None:
    from bioql_console.domain.errors import OperatorError

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
    figure="0 files with the key, 0 keys at the next start",
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
        assert not files_with("CanaryOfTheTests", data_dir)
    async with open_window(data_dir) as desk:
        assert desk.console.credentials.stripe_secret_key(Environment.TEST) is None
