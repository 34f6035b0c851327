"""Asking where a team's PostgreSQL is, and proving it before it is stored."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from bioql_console.domain.database_address import CHECKED, PORT, TLS_MODES, DatabaseAddress
from bioql_console.domain.errors import OperatorError
from bioql_console.ui.tasks import OneAtATime
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import Labelled, SecretField, field, number_field
from bioql_console.ui.widgets.labels import PlainLabel, restyle

if TYPE_CHECKING:
    from bioql_console.services.team_database import TeamDatabase

NOTE = (
    "Several consoles and servers work on one ledger; Test and Live have each a database of their own. What you may do "
    "there is decided by the database: reading takes bioql_viewer, the daily work bioql_operator, prices and imports "
    "bioql_admin."
)
WIDTH = 560
# Runs something that blocks on another thread.
Aside = Callable[..., Awaitable[Any]]


class DatabaseDialog(FormDialog):
    """Stays open until the database was reached, or the operator gives up. Nothing is stored before.

    Args:
        known: What is chosen, to start from.
        password_kept: Whether an empty password means the one that is stored.
    """

    def __init__(
        self,
        parent: QWidget,
        environment: str,
        team: "TeamDatabase",
        aside: Aside,
        known: DatabaseAddress | None,
        password_kept: bool,
    ) -> None:
        super().__init__(parent, "The team's database", environment, "Save and open", NOTE)
        self._team, self._aside = team, aside
        self.setFixedWidth(WIDTH)
        known = known or DatabaseAddress("", "bioql", "", tls="verify-full")
        self.host = field("db.example.org", "Host", known.host)
        self.port = number_field(1, 65_535)
        self.port.setValue(known.port or PORT)
        self.database, self.user = field(name="Database", text=known.database), field(name="User", text=known.user)
        self.tls = QComboBox()
        for mode, words in TLS_MODES.items():
            self.tls.addItem(words, mode)
        self.tls.setCurrentIndex(max(0, self.tls.findData(known.tls)))
        self.authority = field("empty: those that this computer trusts", "Certificates", known.authority)
        self.password = SecretField("stored; enter to replace" if password_kept else "", "Password")
        self._lay_out()
        self._task = OneAtATime(self)
        self._task.running_changed.connect(self._busy)
        self._task.failed.connect(self._refused)
        self.tls.currentIndexChanged.connect(self._show_authority)
        self.finished.connect(self._task.close)
        self._show_authority()

    def _lay_out(self) -> None:
        self.add("Host", self.host, required("the server's name or address"))
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(Labelled("Port", self.port), 1)
        for title, each in (("Database", self.database), ("User", self.user)):
            self.add(title, each, required(f"the {title.lower()}'s name"))
            labelled = self._checked[-1][0]
            self.body.removeWidget(labelled)
            row.addWidget(labelled, 2)
        self.body.addLayout(row)
        self.body.addWidget(Labelled("Password", self.password, "Kept in this computer's keychain and nowhere else."))
        self.body.addWidget(Labelled("TLS", self.tls))
        self._authority = Labelled("Certificates of the authorities, a PEM file", self.authority)
        self.body.addWidget(self._authority)
        self.outcome = PlainLabel("", "muted").wrapped().selectable()
        self.body.addWidget(self.outcome)
        self.test = button("Test connection", self._test)
        self.buttons.insertWidget(0, self.test)

    @property
    def address(self) -> DatabaseAddress:
        """What is entered."""
        return DatabaseAddress(
            host=self.host.text().strip(),
            database=self.database.text().strip(),
            user=self.user.text().strip(),
            port=self.port.value(),
            tls=str(self.tls.currentData()),
            authority=self.authority.text().strip(),
        )

    def try_accept(self) -> None:
        if not self.problem():
            self._task.start(self._save)

    def _test(self) -> None:
        if not self.problem():
            self._task.start(self._prove)

    async def _prove(self) -> None:
        self._say("Connecting…")
        seen = await self._aside(self._team.prove, self.address, self.password.field.text())
        self._say(seen.words())

    async def _save(self) -> None:
        self._say("Connecting…")
        await self._aside(partial(self._team.choose, self.address, self.password.field.text()))
        self.password.take()
        self.accept()

    def _refused(self, error: OperatorError) -> None:
        self._say(f"{error.what}\n{error.fix}", "bad")

    def _say(self, words: str, role: str = "muted") -> None:
        self.outcome.setProperty("role", role)
        restyle(self.outcome)
        self.outcome.setText(words)
        self._fit()

    def _busy(self, busy: bool) -> None:
        for each in (self.test, self.accept_button):
            each.setDisabled(busy)

    def _show_authority(self) -> None:
        self._authority.setVisible(self.tls.currentData() in CHECKED)
        self._fit()

    def _fit(self) -> None:
        """As high as what it says takes, once that is laid out."""
        QTimer.singleShot(0, self, self.adjustSize)


async def ask_for_database(parent: QWidget, environment: str, team: "TeamDatabase", aside: Aside) -> bool:
    """Whether another database, or another way to it, was chosen. It is used from the next opening on."""
    known = team.address()
    kept = await aside(team.password_kept)
    return await DatabaseDialog(parent, environment, team, aside, known, kept).ask()
