"""What the command palette offers: pages, actions on them, environments, appearance."""

from functools import partial
from typing import TYPE_CHECKING

from bioql_console.domain.environment import Environment
from bioql_console.ui.command_palette import Command
from bioql_console.ui.environment_bar import MEANING
from bioql_console.ui.registry import COMMANDS, PAGES, key_of, lacking
from bioql_console.ui.theme import CHOICES

if TYPE_CHECKING:
    from bioql_console.ui.main_window import MainWindow


def commands_of(window: "MainWindow") -> list[Command]:
    """Every command there is now."""
    commands = [
        Command(f"Go to {title}", partial(window.show_page, name), f"Alt+{key_of(number)}" if key_of(number) else "")
        for number, (name, title) in enumerate(PAGES, 1)
    ]
    if window.workspace is not None:
        commands += [
            Command(
                title,
                partial(window.show_page, name, argument),
                lacking=lacking(window.workspace.rights, name, argument),
            )
            for title, name, argument in COMMANDS
        ]
    if window.workspace is not None and window.workspace.console.live.needed:
        commands.append(Command("Arm or lock what runs by itself in Live…", window.bar.lock.click))
    commands += [
        Command(f"Switch to {MEANING[each]}", partial(window.environment_asked.emit, each.value))
        for each in Environment
        if each is not window.environment
    ]
    commands += [Command(f"Appearance: {choice}", partial(window.theme.choose, choice)) for choice in CHOICES]
    return [*commands, Command("Read again", window.read_again, "F5"), Command("Quit", window.close, "Ctrl+Q")]
