"""Settings: which database the ledger is, and the way to another."""

from PySide6.QtCore import Signal

from bioql_console.domain.database_address import TLS_MODES, DatabaseAddress
from bioql_console.domain.environment import Environment
from bioql_console.domain.rights import MEANING, Rights
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import Card, KeyValues
from bioql_console.ui.widgets.labels import StatePill


class DatabaseCard(Card):
    """Signals:
    connect_asked: Another database, or another way to it.
    own_file_asked: Back to a file of this computer.
    """

    connect_asked = Signal()
    own_file_asked = Signal()

    def __init__(self) -> None:
        super().__init__("Database", "the ledger of Test and Live")
        self.state = StatePill("not asked yet")
        self.head.addWidget(self.state)
        self.rows = KeyValues()
        self.body.addWidget(self.rows)
        self.connect_to = button("Connect to PostgreSQL…", self.connect_asked.emit)
        self.own_file = button("Use a file of this computer…", self.own_file_asked.emit)
        self.own_file.hide()
        self.body.addLayout(toolbar(self.connect_to, self.own_file, None))

    def show_choice(self, chosen: DatabaseAddress | None) -> None:
        """What is chosen for Test and Live, whether or not one of them is open."""
        self.connect_to.setText("Change…" if chosen else "Connect to PostgreSQL…")
        self.own_file.setVisible(chosen is not None)
        if chosen is None:
            self.rows.show_rows([("Chosen", "a file of this computer, one for each environment")])
            return
        between = "a socket of this computer" if chosen.local else TLS_MODES.get(chosen.tls, chosen.tls)
        self.rows.show_rows([("Chosen", chosen.words()), ("TLS", between)])

    def show_open(self, environment: Environment, words: str, encrypted: bool | None, rights: Rights) -> None:
        """What is open now, and what one may do there."""
        between = {True: "encrypted", False: "not encrypted", None: "on this computer"}[encrypted]
        self.state.show_state(between, "bad" if encrypted is False else "ok")
        mine = f"{rights.user}: {rights.role.value}, {MEANING[rights.role]}" if rights.user else "everything"
        self.rows.show_rows([*self.rows.rows(), (f"Open in {environment.word}", words), ("You may do", mine)])
