"""`gui`: the window. Resolves folder and settings, and hands over what builds consoles."""

import os
import sys

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.gui_options import GuiOptions
from bioql_console.resources import resource
from bioql_console.settings import data_directory, load
from bioql_console.ui.start import Launcher, StartOptions, start


def run(options: GuiOptions) -> int:
    """Show the window until it is closed; the answer is the exit code."""
    try:
        return start(start_options(options))
    except OperatorError as error:
        sys.stderr.write(f"{error.what}\n→ {error.fix}  [{error.code}]\n")
        return 1


def start_options(options: GuiOptions) -> StartOptions:
    """What the window starts with.

    Raises:
        OperatorError: `settings.*`.
    """
    folder = data_directory(options.data_dir)
    settings = load(folder)

    def launcher() -> Launcher:
        from bioql_console import app  # most of the console; imported once the window is there

        return app.Launcher(folder, demo=options.demo)

    return StartOptions(
        data_dir=folder,
        resources=resource(""),
        environment=Environment(options.environment or settings.environment),
        theme=settings.theme,
        language=settings.language,
        launcher=launcher,
        exit_after_paint=bool(os.environ.get("BIOQL_CONSOLE_EXIT_AFTER_PAINT")),
        print_modules=bool(os.environ.get("BIOQL_CONSOLE_PRINT_MODULES")),
    )
