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
        super().__init__("Database", "the ledger of the environment that is open")
        self.state = StatePill("not asked yet")
        self.head.addWidget(self.state)
        self.rows = KeyValues()
        self.body.addWidget(self.rows)
        self.connect_to = button("Connect to PostgreSQL…", self.connect_asked.emit)
        self.own_file = button("Use a file of this computer…", self.own_file_asked.emit)
        for each in (self.connect_to, self.own_file):
            each.hide()
        self.body.addLayout(toolbar(self.connect_to, self.own_file, None))

    def show_choice(self, environment: Environment, chosen: DatabaseAddress | None) -> None:
        """What is chosen for the environment that is open; Test and Live have each their own."""
        self.note.setText(f"the ledger of {environment.word}")
        of_team = environment is not Environment.SANDBOX
        self.connect_to.setText("Change…" if chosen else "Connect to PostgreSQL…")
        self.connect_to.setVisible(of_team)
        self.own_file.setVisible(of_team and chosen is not None)
        if chosen is None:
            rest = "" if of_team else "; a team's is chosen in Test and in Live"
            self.rows.show_rows([("Chosen", f"a file of this computer{rest}")])
            return
        between = "a socket of this computer" if chosen.local else TLS_MODES.get(chosen.tls, chosen.tls)
        self.rows.show_rows([("Chosen", chosen.words()), ("TLS", between)])

    def show_open(self, words: str, encrypted: bool | None, rights: Rights) -> None:
        """What is open now, and what one may do there."""
        between = {True: "encrypted", False: "not encrypted", None: "on this computer"}[encrypted]
        self.state.show_state(between, "bad" if encrypted is False else "ok")
        mine = f"{rights.user}: {rights.role.value}, {MEANING[rights.role]}" if rights.user else "everything"
        self.rows.show_rows([*self.rows.rows(), ("Open", words), ("You may do", mine)])
