"""`gui`: the window. Resolves folder and settings, and hands over what builds consoles."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.first_look import first_look
from bioql_console.gui_options import GuiOptions
from bioql_console.resources import resource
from bioql_console.ui.start import start
from bioql_console.ui.start_options import StartOptions

if TYPE_CHECKING:
    from bioql_console.services.console import Launcher


def run(options: GuiOptions) -> int:
    """Show the window until it is closed; the answer is the exit code."""
    try:
        return start(start_options(options))
    except OperatorError as error:
        sys.stderr.write(f"{error.what}\n→ {error.fix}  [{error.code}]\n")
        return 1


def start_options(options: GuiOptions, stripe_at: Mapping[Environment, str] | None = None) -> StartOptions:
    """What the window starts with.

    Args:
        stripe_at: Stand-ins for Stripe on this machine, by environment; see `app.Launcher`.

    Raises:
        OperatorError: `settings.folder`.
    """
    folder = _data_directory(options.data_dir)
    remembered, theme, language = first_look(folder)
    environment = Environment(options.environment or remembered)
    # An address that is asked for is the ledger of the environment that one starts in, and of no other.
    databases = {environment: options.database} if options.database else {}

    def launcher() -> "Launcher":
        from bioql_console import app  # most of the console; imported once the window is there

        return app.Launcher(folder, demo=options.demo, stripe_at=stripe_at, databases=databases)

    return StartOptions(
        data_dir=folder,
        resources=resource(""),
        environment=environment,
        theme=theme,
        language=language,
        launcher=launcher,
        exit_after_paint=bool(os.environ.get("BIOQL_CONSOLE_EXIT_AFTER_PAINT")),
        print_modules=bool(os.environ.get("BIOQL_CONSOLE_PRINT_MODULES")),
    )


def _data_directory(asked: Path | None) -> Path:
    """The folder; one that is there already needs no look at the settings before the first frame."""
    if asked is not None and asked.is_dir():
        return asked.absolute()
    from bioql_console.settings import data_directory

    return data_directory(asked)
