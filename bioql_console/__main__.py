"""`bioql-console` and `python -m bioql_console`: the window at once, every other command through the command line."""

import gc
import sys

from bioql_console.thread_caches import begin_without


def main() -> int:
    """Run the command in `sys.argv`; the answer is the exit code."""
    if _runs_for_days(*sys.argv[1:2]):
        begin_without()  # before anything else is imported, since it is imported anew then
    # Nothing that is made before the first frame is garbage; looking for some takes a tenth of the start.
    gc.disable()
    from bioql_console.gui_options import GuiOptions, parse

    options = parse(sys.argv[1:])
    if isinstance(options, GuiOptions):
        # The command line's libraries would take longer to import than the window to appear.
        from bioql_console.gui import run

        return run(options)
    gc.enable()
    from bioql_console.cli import run_command

    return run_command()


def _runs_for_days(command: str = "gui") -> bool:
    """The window, which needs no command before its options, and the server."""
    return command in ("gui", "serve") or command.startswith(("--data-dir", "--env", "--demo", "--database"))


if __name__ == "__main__":
    sys.exit(main())
