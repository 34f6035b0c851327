"""The server was started without its Stripe credentials, and nobody saw it. This console sees it, and cures it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.windows import Desk, open_window

STANDIN = Path(__file__).with_name("standin_server.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def forgotten_server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody started it by hand, without credentials."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    command = [sys.executable, str(STANDIN), str(port)]
    server = subprocess.Popen(command, env=without, stdout=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(5)


def external(port: int) -> dict[str, object]:
    return {
        "external_command": (sys.executable, str(STANDIN), str(port)),
        "external_health_url": f"http://127.0.0.1:{port}/health",
    }


async def stop_ours(desk: Desk) -> None:
    """The external server is the one to watch once ours is off."""
    await desk.hand.open_page("server")
    await desk.hand.click(desk.page("server").own_on)
    page = desk.page("server")
    await desk.hand.until(lambda: not desk.console.server.running and not page.model.acting, "the server is off")


@pytest.mark.deadline(40)
async def test_console_sees_it_and_restarts_the_server_with_the_secrets(
    data_dir: Path, port: int, forgotten_server: subprocess.Popen[bytes]
) -> None:
    async with open_window(data_dir, **external(port)) as desk:
        await stop_ours(desk)
        page, hand = desk.page("server"), desk.hand
        page.model.refresh()
        await hand.until(lambda: "DISABLED" in _facts(page), "the Server page sees that Stripe is off")
        assert "started without its Stripe credentials" in page.external_words.text()

        desk.window.vitals.look()  # type: ignore[union-attr]
        await hand.until(lambda: "Stripe off" in desk.window.status.signs["server"].text(), "the status bar says so")
        await hand.open_page("overview")
        row = desk.page("overview").health_rows["stripe"]
        await hand.until(lambda: "DISABLED" in row.words.text(), "the Overview says so")

        await hand.click(row.cure)
        await hand.until(lambda: desk.hand.dialogs(), "it asks before it ends somebody else's process")
        dialog = desk.hand.dialogs()[0]
        await hand.click(dialog.accept_button)  # type: ignore[attr-defined]
        await hand.until(lambda: page.external_state.text() == "healthy", "the server is healthy", 20)
        assert forgotten_server.wait(5) is not None

        child = desk.console.external.pid
        environment = Path(f"/proc/{child}/environ").read_bytes()
        assert desk.console.secret_key().encode() in environment
        assert desk.console.secret_key() not in Path(f"/proc/{child}/cmdline").read_text()
        assert desk.console.secret_key() not in Path("/proc/self/environ").read_text()

        await hand.until(lambda: "Enabled: True" in page.tail.toPlainText(), "its output is shown")
        assert desk.console.secret_key() not in page.tail.toPlainText()
        assert desk.console.secret_key() not in (data_dir / "logs" / "external.log").read_text()
        desk.window.vitals.look()  # type: ignore[union-attr]
        await hand.until(lambda: "healthy" in desk.window.status.signs["server"].text(), "the status bar is green")


@pytest.mark.deadline(40)
async def test_one_click_is_enough_when_nothing_stands_in_the_way(data_dir: Path, port: int) -> None:
    async with open_window(data_dir, **external(port)) as desk:
        await stop_ours(desk)
        page = desk.page("server")
        await desk.hand.click(page.restart)
        await desk.hand.until(lambda: page.external_state.text() == "healthy", "the server is healthy", 20)
        assert not desk.hand.dialogs()
        child = desk.console.external.pid
    assert not Path(f"/proc/{child}").exists(), "it is left running after the console was closed"


@pytest.mark.deadline(40)
async def test_a_command_that_ends_at_once_says_why(data_dir: Path, port: int) -> None:
    settings = {**external(port), "external_command": (sys.executable, "-c", "raise SystemExit('no database')")}
    async with open_window(data_dir, **settings) as desk:
        await desk.hand.open_page("server")
        page = desk.page("server")
        await desk.hand.click(page.restart)
        await desk.hand.until(lambda: page.notice.isVisible(), "the page says what happened")
        assert "no database" in page.notice.what.text()


def _facts(page) -> str:  # type: ignore[no-untyped-def]
    from PySide6.QtWidgets import QLabel

    return " ".join(label.text() for label in page.external_facts.findChildren(QLabel))
