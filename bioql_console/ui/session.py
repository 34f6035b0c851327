"""The life of the window after its first frame: opens a console, switches environments, and closes in order."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.console import Console, Launcher
from bioql_console.services.logs import bug_report, log, report_bugs
from bioql_console.services.worker import Worker
from bioql_console.ui import formats
from bioql_console.ui.absence import AbsenceNote
from bioql_console.ui.collector import keep_nothing, keep_what_is_here
from bioql_console.ui.main_window import MainWindow
from bioql_console.ui.pages.database_dialog import ask_for_database
from bioql_console.ui.safety_band import SafetyBand
from bioql_console.ui.start_options import StartOptions
from bioql_console.ui.tasks import LatestTask, cancelled_tasks_end
from bioql_console.ui.widgets.dialogs import BugDialog
from bioql_console.ui.workspace import Workspace


class Session(QObject):
    """One window with one console at a time.

    Signals:
        bug_found: The redacted report of an unexpected failure; emitted on any thread.
    """

    bug_found = Signal(str)

    def __init__(self, window: MainWindow, options: StartOptions) -> None:
        super().__init__(window)
        self.window = window
        self.console: Console | None = None
        self._options = options
        self._opening = Worker("opening")
        self._launcher: Launcher | None = None
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: Environment | None = None
        self._anew = False
        self._left_one = False
        self._asking = LatestTask(self)
        window.close_asked.connect(self._stop.set)
        window.environment_asked.connect(self._switch)
        window.retry_asked.connect(self._retry)
        self.bug_found.connect(self._show_bug)

    async def run(self) -> None:
        """Until the window is closed, or the script is through."""
        try:
            await self.open(self._options.environment)
            if self._options.script is not None:
                await self._options.script(self)
            else:
                await self._stop.wait()
        finally:
            await self.close()

    async def open(self, environment: Environment) -> None:
        """Open an environment's console; when that fails, the window says why and offers to retry."""
        async with self._turn:
            await self._close_console()
            self.window.show_environment(environment)
            try:
                console = await self._opening.run(self._launch, environment)
            except OperatorError as error:
                self.window.show_closed(error, await self._cure(error, environment))
                return
            self.console = console
            workspace = Workspace(console, self.window.memory)
            self.window.attach(workspace)
            AbsenceNote(workspace)
            SafetyBand(workspace, self.window)
            if console.live.needed:
                from bioql_console.ui.live_lock_view import LiveLockView  # most windows never see Live

                LiveLockView(self.window, workspace)
            if self._left_one:
                gc.collect()  # it is not kept together with the new one
            keep_what_is_here()

    async def _cure(self, error: OperatorError, environment: Environment) -> tuple[str, Callable[[], object]] | None:
        """A team's database that can't be reached, or a file's that moved there, can be named without a console."""
        if self._launcher is None or not error.code.startswith("db."):
            return None
        team = await self._opening.run(self._launcher.team_database, environment)
        if team.address() is None and error.code != "db.moved_away":
            return None

        async def ask() -> None:
            if await ask_for_database(self.window, environment.word, team, self._opening.run):
                self._retry()

        return "Database…", lambda: self._asking.start(ask)

    def _launch(self, environment: Environment) -> Console:
        if self._launcher is None:
            self._launcher = self._options.launcher()
        return self._launcher.open(environment)

    async def _switch_to_wanted(self) -> None:
        """Close what is open, open what is wanted, and again if the operator changed their mind meanwhile."""
        while self._wanted is not None:
            environment, self._wanted = self._wanted, None
            anew, self._anew = self._anew, False
            if self.console is not None and self.console.environment is environment and not anew:
                continue
            if environment is not Environment.SANDBOX:
                self.window.memory.put("outside_sandbox", environment.value)
            await self.open(environment)
            await self._remember(environment)

    async def _remember(self, environment: Environment) -> None:
        """Start there next time. Dev mode is the Sandbox with everything on; neither is had without the other."""
        console = self.console
        if console is not None:
            dev_mode = environment is Environment.SANDBOX
            chosen = replace(console.settings(), environment=environment.value, dev_mode=dev_mode)
            await self._opening.run(console.save_settings, chosen)

    async def _close_console(self) -> None:
        console, self.console = self.console, None
        self.window.detach()
        if console is not None:
            await self._opening.run(console.close)
            self._left_one = True
            keep_nothing()

    async def close(self) -> None:
        """Close everything, last opened first."""
        self.window.hide()
        self._asking.close()
        self._wanted = None
        # A console that is just being opened can't be called back; it is waited for and closed.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with self._turn:
            await self._close_console()
        if self._launcher is not None:
            await self._opening.run(self._launcher.close)
        self.window.memory.save()
        await asyncio.get_running_loop().run_in_executor(None, self._opening.close)
        await cancelled_tasks_end()
        self.window.close_for_good()

    @Slot(str)
    def _switch(self, name: str) -> None:
        self._wanted = Environment(name)
        if not self.switching:
            self._begin(self._switch_to_wanted())

    @property
    def switching(self) -> bool:
        """Whether an environment is being opened or closed."""
        return bool(self._tasks)

    @Slot()
    def _retry(self) -> None:
        self._wanted, self._anew = self.window.environment, True
        if not self.switching:
            self._begin(self._switch_to_wanted())

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @Slot(str)
    def _show_bug(self, report: str) -> None:
        BugDialog(self.window, self.window.environment.word, report).open()


def catch_bugs(loop: asyncio.AbstractEventLoop, session: Session) -> None:
    """Whatever nobody expected is logged, redacted, and shown, wherever it happened."""
    report_bugs(session.bug_found.emit)

    def from_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        text = bug_report(error) if isinstance(error, BaseException) else str(context.get("message"))
        log.error("Unexpected failure\n%s", text)
        session.bug_found.emit(text)

    loop.set_exception_handler(from_loop)


def run_session(application: QApplication, window: MainWindow, options: StartOptions) -> int:
    """Run the loop until the window is closed."""
    formats.choose_locale(options.language)
    loop: Any = QEventLoop(application)
    asyncio.set_event_loop(loop)

    async def main() -> None:
        session = Session(window, options)
        catch_bugs(loop, session)
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, window.close_asked.emit)
        await session.run()

    try:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return 0
