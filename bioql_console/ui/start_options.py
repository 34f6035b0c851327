"""What the window is started with."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bioql_console.domain.environment import Environment

if TYPE_CHECKING:
    from bioql_console.services.console import Launcher


class StartOptions(NamedTuple):
    """How to start.

    Args:
        launcher: Made once the first frame is painted, since its imports take longer than the window.
        exit_after_paint: For measuring the start.
        script: What to do with the open Session instead of waiting for the operator; the window closes afterwards.
    """

    data_dir: Path
    resources: Path
    environment: Environment
    theme: str
    language: str
    launcher: "Callable[[], Launcher]"
    exit_after_paint: bool = False
    print_modules: bool = False
    script: "Callable[[Any], Awaitable[None]] | None" = None
