"""The window opens, is closed at any moment, and never leaves anything behind."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from bioql_console.domain.environment import Environment
from bioql_console.gui import start_options
from bioql_console.gui_options import GuiOptions
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import Settings, save
from bioql_console.ui.collector import Collector
from bioql_console.ui.session import Session, catch_bugs
from bioql_console.ui.start import make_window
from bioql_console.ui.widgets.dialogs import BugDialog
from tests.stories.windows import open_window


def a_session(data_dir: Path) -> Session:
    save(replace(Settings(), port=0), data_dir)
    options = start_options(GuiOptions(data_dir, "sandbox"))
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    window = make_window(application, options)
    window.show()
    return Session(window, options)


def ours_alive() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(("inbox", "applier", "outbox"))}


async def test_closing_frees_the_folder_and_ends_every_thread(data_dir: Path, until: Callable[..., Any]) -> None:
    session = a_session(data_dir)
    running = asyncio.create_task(session.run())
    await until(lambda: session.console is not None)
    assert ours_alive()
    session.window.close()
    await running
    assert not session.window.isVisible()
    session.window.deleteLater()
    assert not ours_alive()
    with InstanceLock(data_dir, "test"):
        pass


async def test_closing_while_it_opens_waits_for_the_end_and_leaves_nothing(
    data_dir: Path, until: Callable[..., Any]
) -> None:
    session = a_session(data_dir)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0)
    session.window.close()
    await running
    session.window.deleteLater()
    assert not ours_alive()
    with InstanceLock(data_dir, "test"):
        pass


async def test_closing_in_the_middle_of_a_switch_leaves_nothing(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        desk.window.environment_asked.emit("test")
        await asyncio.sleep(0)
        assert desk.session.switching
    assert not ours_alive()
    with InstanceLock(data_dir, "test"):
        pass


async def test_closing_with_a_dialog_open(data_dir: Path, until: Callable[..., Any]) -> None:
    async with open_window(data_dir, users=2) as desk:
        await desk.hand.open_page("users")
        await desk.hand.click(desk.page("users").register)
        await desk.hand.until(desk.hand.dialogs, "the dialog is open")
    assert not ours_alive()


@pytest.mark.deadline(40)
async def test_changing_ones_mind_quickly_ends_where_one_wanted(data_dir: Path, until: Callable[..., Any]) -> None:
    async with open_window(data_dir, users=2) as desk:
        for names in (("test", "live", "sandbox"), ("test", "sandbox", "test")):
            for name in names:
                desk.window.environment_asked.emit(name)
                await asyncio.sleep(0)
            await desk.hand.until(lambda: not desk.session.switching, "it has come to rest")
            assert desk.console.environment is Environment(names[-1])
            assert desk.window.bar.environment.text().startswith(names[-1].upper())


@pytest.mark.deadline(40)
async def test_of_a_console_nothing_is_left_once_another_is_open(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        assert gc.get_freeze_count(), "what stays is not looked through for garbage again and again"
        for name in ("users", "webhooks"):
            await desk.hand.open_page(name)
        parts = (desk.window.vitals, *map(desk.page, ("users", "webhooks")), desk.page("users").model)
        left = [weakref.ref(part) for part in parts]
        del parts
        desk.window.environment_asked.emit("test")
        await desk.hand.until(lambda: not desk.session.switching, "the other one is open")
        assert [each() for each in left if each() is not None] == []
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()


@pytest.mark.expected_logs("Unexpected failure")
async def test_a_bug_is_shown_with_a_report_and_the_window_goes_on(
    data_dir: Path, qloop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    async with open_window(data_dir, users=2) as desk:
        catch_bugs(qloop, desk.session)

        async def stumble() -> None:
            raise ZeroDivisionError("with sk_test_KeyInABugOfTests in it")

        await desk.hand.open_page("users")
        desk.page("users").model.act(stumble)
        await desk.hand.until(lambda: any(isinstance(d, BugDialog) for d in desk.hand.dialogs()), "the bug is shown")
        dialog = desk.hand.dialogs()[0]
        assert "ZeroDivisionError" in dialog.report.toPlainText()
        assert "KeyInABugOfTests" not in dialog.report.toPlainText()
        await desk.hand.click(dialog.accept_button)
        panel = await desk.show_jane()
        assert panel.owed.text() == "$350.00"
        qloop.set_exception_handler(None)


@pytest.mark.fault(
    "Processes",
    "the server beside the window ends",
    "The status bar says so with the next step.",
    figure="1 server ended, seen at the next look, every 5 s",
)
async def test_server_that_dies_is_seen_and_said(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        sign = desk.window.status.signs["server"]
        await desk.hand.until(lambda: "healthy" in sign.text(), "the server is healthy")
        await desk.console.workers.probe.run(desk.console.server.stop)
        desk.window.vitals.look()  # type: ignore[union-attr]
        await desk.hand.until(lambda: "not reachable" in sign.text(), "the status bar says so")
        sign.click()
        popover = desk.window.status.popover
        assert popover is not None
        assert "No server answers" in popover.words.text()
        popover.hide()


def test_garbage_is_collected_on_the_windows_thread_only(qapp: Any) -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            where.append(threading.current_thread())

    where: list[threading.Thread] = []
    collector = Collector(qapp)
    worker = threading.Thread(target=lambda: [Knot() for _ in range(3_000)])
    worker.start()
    worker.join()
    assert not where
    collector.look()
    collector.deleteLater()
    assert len(where) == 3_000
    assert set(where) == {threading.main_thread()}


def test_what_was_in_use_while_it_was_young_is_collected_too(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Knot:
        def __init__(self) -> None:
            self.own = self

    collector = Collector(qapp)
    old = Knot()
    gc.collect()  # now it is old
    gone = weakref.ref(old)
    del old
    made = [[] for _ in range(1_000)]  # type: ignore[var-annotated]
    collector.look()
    assert gone() is not None, "what is old is not looked through twice a second"
    monkeypatch.setattr("bioql_console.ui.collector.ALL_EVERY_MS", 0)
    made += [[] for _ in range(1_000)]
    collector.look()
    collector.deleteLater()
    assert gone() is None


async def test_the_looks_that_go_on_by_themselves_take_turns(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        vitals = desk.window.vitals
        assert vitals is not None
        await desk.hand.until(
            lambda: vitals.latencies and vitals.signs["stripe"].state == "ok", "the window looked at both"
        )
        vitals._health_timer.stop()
        looked = len(vitals.latencies)
        accounts: list[str] = []
        vitals.account_known.connect(lambda _name, account: accounts.append(account))
        for _ in range(3):
            vitals.look_at_next()
        await desk.hand.until(lambda: accounts and len(vitals.latencies) == looked + 1, "each was looked at once more")
        vitals.look_at_next()
        await desk.hand.until(lambda: len(vitals.latencies) == looked + 2, "the server's turn came again")
        assert len(accounts) == 1
