"""The bar that says where one is: environment, account, search, dev mode. It can't be mistaken or scrolled away."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from bioql_console.domain.environment import Environment
from bioql_console.domain.rights import Role
from bioql_console.ui.theme import tokens
from bioql_console.ui.widgets.buttons import Toggle
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, restyle

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from bioql_console.domain.rights import Rights
    from bioql_console.ui.icons import Icons

HEIGHT = 40
WORDS = {
    Environment.SANDBOX: "BioQL offline",
    Environment.TEST: "Stripe test mode",
    Environment.LIVE: "Stripe live mode",
}
MEANING = {
    Environment.SANDBOX: "Sandbox — offline Stripe on this machine, no real money",
    Environment.TEST: "Test — Stripe's test mode, no real money",
    Environment.LIVE: "Live — real customers, real money",
}


class EnvironmentBar(QFrame):
    """Where one is, and the way elsewhere.

    Signals:
        environment_asked: An environment's name.
        palette_asked: The command palette is wanted.
        dev_mode_asked: Dev mode on or off.
        lock_asked: What may write in Live.
    """

    environment_asked = Signal(str)
    palette_asked = Signal()
    dev_mode_asked = Signal(bool)
    lock_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("environmentBar")
        self.setFixedHeight(HEIGHT)
        self._choices: dict[Environment, QAction] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 14, 0)
        row.setSpacing(12)
        self.environment = QPushButton()
        self.environment.setObjectName("environmentButton")
        self.account = ElidedLabel()
        self.rights = PlainLabel("", "strong")
        self.rights.hide()
        self.lock = QPushButton()
        self.lock.setObjectName("lockButton")
        self.lock.clicked.connect(lambda _checked=False: self.lock_asked.emit())
        self.command = QPushButton("Search users, ids, or run a command…     Ctrl+K")
        self.command.setObjectName("commandField")
        self.command.setAccessibleName("Search or run a command")
        self.command.clicked.connect(self.palette_asked)
        self.dev_mode = Toggle("Dev mode", on_bar=True)
        self.dev_mode.setToolTip(
            "On: the Sandbox with its server and listener, dev keys, triggers and faults.\n"
            "Off: the Test or Live environment chosen last."
        )
        self.dev_mode.clicked.connect(self.dev_mode_asked)
        row.addWidget(self.environment)
        row.addWidget(self.account, 3)
        row.addWidget(self.lock)
        row.addWidget(self.rights)
        row.addWidget(self.command, 4)
        row.addStretch(2)
        row.addWidget(self.dev_mode)

    def add_menu(self) -> None:
        """The environments to choose from; the first frame does without."""
        from PySide6.QtGui import QActionGroup
        from PySide6.QtWidgets import QMenu

        menu = QMenu(self)
        group = QActionGroup(self)
        for each in Environment:
            choice = menu.addAction(MEANING[each])
            choice.setCheckable(True)
            group.addAction(choice)
            choice.triggered.connect(lambda _checked=False, name=each.value: self.environment_asked.emit(name))
            choice.setChecked(each.value == self.property("environment"))
            self._choices[each] = choice
        self.environment.setMenu(menu)

    def show_environment(self, environment: Environment) -> None:
        """Colour, word and switch."""
        self.environment.setText(f"{environment.word}  ▾")
        self.environment.setAccessibleName(f"Environment {environment.word}")
        if environment in self._choices:
            self._choices[environment].setChecked(True)
        self.account.setText(WORDS[environment])
        self.dev_mode.setChecked(environment is Environment.SANDBOX)
        self.show_lock("Locked", "Only reading leaves for Stripe.")
        self.lock.setVisible(environment.livemode)
        if self.property("environment") != environment.value:
            self.setProperty("environment", environment.value)
            restyle(self)

    def show_rights(self, rights: "Rights | None") -> None:
        """Who may only read sees so at all times; None while nothing is open."""
        lacking = rights.lacking(Role.OPERATOR) if rights else ""
        self.rights.setText("Read only" if lacking else "")
        self.rights.setToolTip(lacking)
        self.rights.setVisible(bool(lacking))

    def show_lock(self, words: str, tip: str) -> None:
        """How the lock of Live stands."""
        self.lock.setText(words)
        self.lock.setToolTip(tip)

    def show_account(self, environment: Environment, name: str, account_id: str) -> None:
        self.account.setText(f"{name or WORDS[environment]} · {account_id}")

    def show_icons(self, icons: "Icons", environment: Environment) -> None:
        self.environment.setIcon(icons.icon(environment.value, tokens().on_bar))
        self.command.setIcon(icons.icon("search", tokens().on_bar))
