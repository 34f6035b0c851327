"""The few settings the first frame depends on, read without the checks that `settings.load` makes later."""

import json
from pathlib import Path

ENVIRONMENTS = ("sandbox", "test", "live")


def first_look(data_dir: Path) -> tuple[str, str, str]:
    """Environment, theme and language; the defaults where the file can't be read.

    What is wrong with the file is said in the window when the console opens, with its cure.
    """
    try:
        found = json.loads((data_dir / "settings.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    environment = found.get("environment")
    return (
        environment if environment in ENVIRONMENTS else "sandbox",
        str(found.get("theme", "system")),
        str(found.get("language", "system")),
    )
