"""The options of `gui`, parsed without any library so that nothing stands between exec and the first frame."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class GuiOptions(NamedTuple):
    """What `bioql-console gui` was asked for; None means as last time."""

    data_dir: Path | None = None
    environment: str | None = None
    demo: bool = False
    database: str | None = None


def parse(arguments: Sequence[str]) -> GuiOptions | None:
    """The options, or None when this is another command, `--help`, or a mistake for the command line to explain."""
    rest = list(arguments)
    if rest and rest[0] == "gui":
        rest.pop(0)
    options = GuiOptions()
    while rest:
        name, _, value = rest.pop(0).partition("=")
        if name == "--demo" and not value:
            options = options._replace(demo=True)
        elif name in ("--data-dir", "--env", "--database") and (value or rest):
            value = value or rest.pop(0)
            if name == "--data-dir":
                options = options._replace(data_dir=Path(value))
            elif name == "--database":
                options = options._replace(database=value)
            elif value in ("sandbox", "test", "live"):
                options = options._replace(environment=value)
            else:
                return None
        else:
            return None
    return options
