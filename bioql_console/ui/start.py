"""From exec to the first frame, and then everything else: loop, console, life and end of the window."""

import sys
import time
from typing import TYPE_CHECKING

import PySide6
from PySide6.QtWidgets import QApplication

from bioql_console.domain.errors import OperatorError
from bioql_console.ui.main_window import MainWindow
from bioql_console.ui.memory import Memory
from bioql_console.ui.start_options import StartOptions
from bioql_console.ui.theme import Theme

if TYPE_CHECKING:
    pass

FIRST_FRAME_S = 10.0
IMMORTAL_NONE = (3, 12)
UNSAFE_QT = (6, 12)
# How long another thread may go on in Python while the window waits for it. A painted table asks some hundred times.
WAITS_FOR_OTHERS_S = 0.0005


def start(options: StartOptions) -> int:
    """Run the window until it is closed. Exit code 0 when it ended well."""
    refuse_unsafe_binding()
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("bioql-console")
    application.setApplicationDisplayName("BioQL console")
    # Qt would stop the loop before everything is closed; the session ends it instead.
    application.setQuitOnLastWindowClosed(False)
    window = make_window(application, options)
    painted: list[int] = []
    window.first_painted.connect(lambda: painted.append(time.monotonic_ns()))
    window.show()
    deadline = time.monotonic() + FIRST_FRAME_S
    while not painted and time.monotonic() < deadline:
        application.processEvents()
    if options.exit_after_paint:
        return _tell_and_leave(painted, options.print_modules)
    from bioql_console.services.heap import keep_heap_small

    keep_heap_small()  # before there are threads, each of which would open a heap of its own
    sys.setswitchinterval(WAITS_FOR_OTHERS_S)
    from bioql_console.ui.collector import Collector, keep_what_is_here
    from bioql_console.ui.session import run_session

    keep_what_is_here()
    Collector(application)

    return run_session(application, window, options)


def make_window(application: QApplication, options: StartOptions) -> MainWindow:
    """The window with its theme, not shown yet."""
    theme = Theme(application, options.resources / "theme" / "app.qss", options.theme)
    return MainWindow(theme, options.resources / "icons", Memory(options.data_dir), options.environment)


def refuse_unsafe_binding() -> None:
    """PySide6 6.12 loses references to None; before Python 3.12 that ends the process within the hour.

    Raises:
        OperatorError: `python.unsafe_qt`.
    """
    if sys.version_info[:2] < IMMORTAL_NONE and PySide6.__version_info__[:2] >= UNSAFE_QT:
        raise OperatorError(
            "This PySide6 is not safe with Python 3.11: it would end the console without warning.",
            fix="Run scripts/setup, which installs the version that is.",
            code="python.unsafe_qt",
        )


def _tell_and_leave(painted: list[int], print_modules: bool) -> int:
    if not painted:
        return 1
    sys.stdout.write(f"first-paint {painted[0]}\n")
    if print_modules:
        sys.stdout.write("modules " + " ".join(sorted(sys.modules)) + "\n")
    sys.stdout.flush()
    return 0
