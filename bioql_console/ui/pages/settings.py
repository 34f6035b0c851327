"""Settings: credentials, server, appearance, database; no secret is ever shown."""

import shlex
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from bioql_console.domain.database_address import DatabaseAddress
from bioql_console.domain.environment import Environment
from bioql_console.services.keychain import KeychainStatus
from bioql_console.ui import formats
from bioql_console.ui.pages.backups_card import BackupsCard
from bioql_console.ui.pages.credentials_card import CredentialsCard
from bioql_console.ui.pages.credentials_flow import CredentialsFlow
from bioql_console.ui.pages.database_card import DatabaseCard
from bioql_console.ui.pages.database_dialog import ask_for_database
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.pages.prices_view import PricesView
from bioql_console.ui.theme import CHOICES
from bioql_console.ui.viewmodels.credentials import CredentialsViewModel
from bioql_console.ui.viewmodels.settings import SettingsViewModel
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import Card, KeyValues
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.fields import Labelled, field, number_field, parse_dollars
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.workspace import Workspace


class SettingsPage(Page):
    """Cards in two columns."""

    name: ClassVar[str] = "settings"
    title: ClassVar[str] = "Settings"

    def __init__(self) -> None:
        super().__init__()
        self.test = CredentialsCard(Environment.TEST)
        self.live = CredentialsCard(Environment.LIVE)
        self.backups = BackupsCard()
        inside = QWidget()
        inside.setProperty("scrolled", True)
        columns = QHBoxLayout(inside)
        columns.setContentsMargins(0, 0, 8, 0)
        columns.setSpacing(12)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column, cards in (
            (left, (self._keychain_card(), self.test, self.live, self._database_card(), self.backups)),
            (
                right,
                (
                    self._server_card(),
                    self._billing_card(),
                    self._limits_card(),
                    self._external_card(),
                    self._looks_card(),
                    self._place(),
                ),
            ),
        ):
            column.setSpacing(12)
            for card in cards:
                column.addWidget(card)
            column.addStretch(1)
            columns.addLayout(column, 1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inside)
        self.area.viewport().setAutoFillBackground(False)
        self.prices = PricesView()
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Settings")
        self.tabs.addTab(self.area, "General")
        self.tabs.addTab(self.prices, "Prices and plans")
        self.body.addWidget(self.tabs, 1)

    def _keychain_card(self) -> Card:
        card = Card("Keychain")
        self.keychain_state = StatePill("not asked yet")
        self.keychain_words = PlainLabel().wrapped().selectable()
        self.probe = button("Ask again", lambda: self._settings.act(self._settings.probe))
        card.head.addWidget(self.keychain_state)
        card.body.addWidget(self.keychain_words)
        card.body.addLayout(toolbar(self.probe, None))
        return card

    def _server_card(self) -> Card:
        card = Card("Embedded server", "counts from its next start")
        self.port, self.every = number_field(0, 65_535), number_field(5, 300, " s")
        self.dashboard = field("empty: the server's own address")
        card.body.addWidget(Labelled("Port, 0 chooses a free one", self.port))
        card.body.addWidget(Labelled("Look at health every", self.every))
        card.body.addWidget(Labelled("Address of the customers' dashboard", self.dashboard))
        card.body.addLayout(toolbar(button("Save server", self._save_server), None))
        return card

    def _billing_card(self) -> Card:
        card = Card("Billing", "counts from the next start")
        self.threshold, self.welcome = QLineEdit(), QLineEdit()
        self.terms = number_field(0, 365, " days")
        card.body.addWidget(
            Labelled("Invoice threshold", self.threshold, "What a user may owe before an invoice is made.")
        )
        card.body.addWidget(Labelled("Welcome credit", self.welcome))
        card.body.addWidget(Labelled("Payment terms", self.terms))
        card.body.addLayout(toolbar(button("Save billing", self._save_billing), None))
        return card

    def _limits_card(self) -> Card:
        card = Card("Limits of the API", "counts from the server's next start")
        self.requests, self.wrong_keys, self.registrations = (number_field(1, 100_000) for _ in range(3))
        card.body.addWidget(Labelled("Requests a second, for each key", self.requests))
        card.body.addWidget(Labelled("Wrong keys a minute, from one address", self.wrong_keys))
        card.body.addWidget(Labelled("Registrations a minute, from one address", self.registrations))
        card.body.addLayout(toolbar(button("Save limits", self._save_limits), None))
        return card

    def _external_card(self) -> Card:
        card = Card("External server", "restarted with the keychain's secrets on the Server page")
        self.command = field("python bioql_server.py")
        self.folder = field("folder in which it runs")
        self.health = field("http://127.0.0.1:5001/health")
        card.body.addWidget(Labelled("Command", self.command))
        card.body.addWidget(Labelled("Folder", self.folder))
        card.body.addWidget(Labelled("Health address", self.health))
        self.save_external = button("Save external server", self._save_external)
        card.body.addLayout(toolbar(self.save_external, None))
        return card

    def _looks_card(self) -> Card:
        card = Card("Appearance")
        self.theme = QComboBox()
        for choice in CHOICES:
            self.theme.addItem({"system": "As the system", "light": "Light", "dark": "Dark"}[choice], choice)
        card.body.addWidget(Labelled("Theme", self.theme))
        return card

    def _database_card(self) -> Card:
        self.database = DatabaseCard()
        self.database.connect_asked.connect(lambda: self._settings.act(self._ask_for_database))
        self.database.own_file_asked.connect(lambda: self._settings.act(self._ask_for_own_file))
        return self.database

    def _place(self) -> Card:
        card = Card("Data")
        self.place = KeyValues()
        card.body.addWidget(self.place)
        return card

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._settings = SettingsViewModel(workspace)
        self.adopt(model)
        self._credentials = CredentialsViewModel(workspace)
        self._credentials.failed.connect(model.failed)
        self._credentials.stored.connect(workspace.toasted)
        self.flow = CredentialsFlow(self, self._credentials, (self.test, self.live))
        model.keychain_known.connect(self._show_keychain)
        model.keychain_known.connect(lambda _status: self._credentials.refresh())
        model.stored.connect(workspace.toasted)
        model.database_known.connect(self._show_database)
        self._show_settings()
        self.theme.activated.connect(self._choose_theme)
        self._beside = (self._credentials, self.prices.attach(workspace), self.backups.attach(workspace))
        for each in self._beside[1:]:
            each.failed.connect(model.failed)

    def came_to_front(self) -> None:
        super().came_to_front()
        if self.model is not None:
            for each in self._beside:
                each.show()

    def went_behind(self) -> None:
        super().went_behind()
        if self.model is not None:
            for each in self._beside:
                each.hide()

    def close_page(self) -> None:
        if self.model is not None:
            for each in self._beside:
                each.close()
        super().close_page()

    def show_argument(self, argument: Any) -> None:
        if argument == "prices":
            self.tabs.setCurrentWidget(self.prices)
            return
        self.tabs.setCurrentWidget(self.area)
        if argument == "credentials":
            live = self._workspace.console.environment is Environment.LIVE
            target = next(iter((self.live if live else self.test).fields.values())).field
        else:
            target = self.command
        # The page is laid out once it is in front; only then is there something to scroll to.
        QTimer.singleShot(0, self, lambda: self.area.ensureWidgetVisible(target))
        target.setFocus()

    def _show_keychain(self, status: KeychainStatus) -> None:
        states = {"ok": ("open", "ok"), "unknown": ("not asked yet", "unknown")}
        self.keychain_state.show_state(*states.get(status.state, (status.state, "bad")))
        self.keychain_words.setText("\n".join(part for part in (status.words, status.cure) if part))

    def _show_settings(self) -> None:
        settings, console = self._settings.settings(), self._workspace.console
        self.port.setValue(settings.port)
        self.every.setValue(settings.health_every_s)
        self.dashboard.setText(settings.dashboard_url)
        self.threshold.setText(formats.plain_amount(settings.invoice_threshold_cents * 10_000))
        self.welcome.setText(formats.plain_amount(settings.welcome_credit_micros))
        self.terms.setValue(settings.payment_terms_days)
        self.requests.setValue(settings.requests_per_second)
        self.wrong_keys.setValue(settings.wrong_keys_per_minute)
        self.registrations.setValue(settings.registrations_per_minute)
        self.command.setText(shlex.join(settings.external_command))
        self.folder.setText(settings.external_folder)
        self.health.setText(settings.external_health_url)
        self.theme.setCurrentIndex(max(0, self.theme.findData(settings.theme)))
        self.place.show_rows(
            [
                ("Environment", console.environment.word),
                ("Folder", str(console.data_dir)),
                ("Operator", console.operator),
            ]
        )

    def _show_database(self, chosen: DatabaseAddress | None) -> None:
        console = self._workspace.console
        self.database.show_choice(console.environment, chosen)
        self.database.show_open(console.store.words, console.store.encrypted, self._workspace.rights)

    async def _ask_for_database(self) -> None:
        console = self._workspace.console
        word = console.environment.word
        if await ask_for_database(self, word, console.team_database, console.workers.probe.run):
            await self._settings.database_chosen()

    async def _ask_for_own_file(self) -> None:
        chosen = self._workspace.console.team_database.address()
        rows = [
            ("Ledger until now", chosen.words() if chosen else ""),
            ("Ledger from now on", "a file of this computer"),
        ]
        note = "Nothing is moved: the team's ledger stays as it is. The password is removed from the keychain."
        word = self._workspace.console.environment.word
        if await PlanDialog(self, "Use a file of this computer", word, "Use a file", rows, note).ask():
            await self._settings.use_own_file()

    def _save(self, **changes: Any) -> None:
        self._settings.act(partial(self._settings.save, **changes))

    def _save_server(self) -> None:
        self._save(
            port=self.port.value(), health_every_s=self.every.value(), dashboard_url=self.dashboard.text().strip()
        )

    def _save_billing(self) -> None:
        threshold, welcome = parse_dollars(self.threshold.text()), parse_dollars(self.welcome.text())
        if threshold is None or welcome is None:
            words, fix = "Not saved: an amount can't be read.", "Enter dollars and cents, e.g. 3000 or 10.00."
            self.notice.show_notice(words, fix, retry=False)
            return
        self._save(
            invoice_threshold_cents=threshold // 10_000,
            welcome_credit_micros=welcome,
            payment_terms_days=self.terms.value(),
        )

    def _save_limits(self) -> None:
        self._save(
            requests_per_second=self.requests.value(),
            wrong_keys_per_minute=self.wrong_keys.value(),
            registrations_per_minute=self.registrations.value(),
        )

    def _save_external(self) -> None:
        try:
            command = tuple(shlex.split(self.command.text()))
        except ValueError:
            words, fix = "Not saved: the command has an open quote.", "Close the quote and save again."
            self.notice.show_notice(words, fix, retry=False)
            return
        self._save(
            external_command=command,
            external_folder=self.folder.text().strip(),
            external_health_url=self.health.text().strip(),
        )

    def _choose_theme(self, _index: int) -> None:
        choice = str(self.theme.currentData())
        self._workspace.theme_asked.emit(choice)
        self._save(theme=choice)
