"""Fixtures for every test: the Qt loop for `async def` tests, a private home, a private keychain, a virtual screen.

Nothing here imports Qt until a test asks for it, so that the tests of domain, storage, sandbox and server stay light.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.keychains import KeychainSession, keychain_missing, private_keychain
from tests.screens import private_screen, screen_missing
from tests.waiting import until as wait_until

STORY_DEADLINE_S = 20.0


def pytest_configure(config: pytest.Config) -> None:
    """Keep the machine's screen, folders and session bus out of reach, before anything looks at them."""
    gc.disable()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for name in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the home of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        for name, folder in (("DATA", ".local/share"), ("CONFIG", ".config"), ("CACHE", ".cache"), ("STATE", ".state")):
            patch.setenv(f"XDG_{name}_HOME", str(home / folder))
        yield


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty folder, as `--data-dir` would be."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


# --- garbage ----------------------------------------------------------------------------------------------------------

COLLECT_EVERY = 20
_ended = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect on the main thread only, as the window does: a Qt object that is freed on another thread crashes."""
    gc.disable()
    if next(_ended) % COLLECT_EVERY == 0:
        gc.collect()


# --- async tests ------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`async def` tests run on `qloop`, tests marked `keychain` get one, whether or not they name the fixture."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        wanted = []
        if item.get_closest_marker("keychain"):
            wanted.append("keyring_session")
        if inspect.iscoroutinefunction(item.obj):
            wanted.append("qloop")
        after_log_check = item.fixturenames.index("_quiet_logs") + 1
        for name in wanted:
            if name not in item.fixturenames:
                item.fixturenames.insert(after_log_check, name)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on the Qt event loop, within `@pytest.mark.deadline(seconds)` or 20 s."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    mark = pyfuncitem.get_closest_marker("deadline")
    seconds = float(mark.args[0]) if mark else STORY_DEADLINE_S
    wanted = inspect.signature(pyfuncitem.obj).parameters
    story = pyfuncitem.obj(**{name: value for name, value in pyfuncitem.funcargs.items() if name in wanted})
    loop: Any = pyfuncitem.funcargs["qloop"]
    loop.run_until_complete(asyncio.wait_for(story, seconds))
    return True


@pytest.fixture
def qloop(qapp: Any) -> Iterator[asyncio.AbstractEventLoop]:
    """The qasync loop on the session's QApplication; tasks that are left over are cancelled and awaited."""
    from qasync import QEventLoop

    loop = QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    try:
        yield loop
        loop.run_until_complete(_finish(loop))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
        gc.collect()  # an exception nobody awaited is only reported when its task is collected: blame this test


async def _finish(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in left:
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 5)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


@pytest.fixture
def until() -> Callable[..., Any]:
    """`await until(condition, timeout=20)`; the same function as `tests.waiting.until`."""
    return wait_until


# --- logs -------------------------------------------------------------------------------------------------------------

# What the log says once when a test cuts a connection; the error itself reaches us besides, and is tested.
WHEN_CUT = (r"^WARNING bioql_console\.storage\.cut_connections: A connection to PostgreSQL .* broke while it read",)


@pytest.fixture(autouse=True)
def _quiet_logs(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail on any log record from WARNING up, unless `@pytest.mark.expected_logs("pattern", …)` allows it.

    Without a pattern the mark allows everything.
    """
    yield
    mark = request.node.get_closest_marker("expected_logs")
    if mark and not mark.args:
        return
    told = WHEN_CUT if request.node.get_closest_marker("postgresql") else ()
    allowed = [re.compile(pattern) for pattern in (*told, *(mark.args if mark else ()))]
    records = [record for phase in ("setup", "call", "teardown") for record in caplog.get_records(phase)]
    loud = [record for record in records if record.levelno >= logging.WARNING]
    lines = [f"{record.levelname} {record.name}: {record.getMessage()}" for record in loud]
    unexpected = [line for line in lines if not any(pattern.search(line) for pattern in allowed)]
    if unexpected:
        pytest.fail("Unexpected log records:\n" + "\n".join(unexpected), pytrace=False)


# --- the real keychain, a real screen ---------------------------------------------------------------------------------


@pytest.fixture
def keyring_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeychainSession]:
    """A session bus with an unlocked gnome-keyring of its own; the environment of this process points to it."""
    reason = keychain_missing()
    if reason:
        pytest.skip(reason)
    with private_keychain(tmp_path / "keychain") as session:
        for name, value in session.env.items():
            monkeypatch.setenv(name, value)
        yield session


@pytest.fixture(scope="session")
def xvfb_display() -> Iterator[str]:
    """A virtual X screen, for child processes that need the xcb platform: pass it to them as DISPLAY."""
    reason = screen_missing()
    if reason:
        pytest.skip(reason)
    with private_screen() as display:
        yield display
