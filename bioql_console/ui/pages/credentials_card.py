"""Stripe's secrets of one environment: entered, shown masked, tested, removed."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout

from bioql_console.domain.environment import Environment
from bioql_console.services.credentials import SecretSummary
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import Card
from bioql_console.ui.widgets.fields import Labelled, SecretField
from bioql_console.ui.widgets.labels import PlainLabel, StatePill

HINTS = {
    Environment.TEST: ("rk_test_… or sk_test_…", "whsec_…"),
    Environment.LIVE: ("rk_live_… or sk_live_…", "whsec_…"),
}


class CredentialsCard(Card):
    """Signals: `save_asked` with a secret's name and value, `test_asked`, `forget_asked`."""

    save_asked = Signal(str, str)
    test_asked = Signal()
    forget_asked = Signal()

    def __init__(self, environment: Environment) -> None:
        super().__init__(f"Stripe credentials · {environment.word}")
        self.environment = environment
        key_hint, secret_hint = HINTS[environment]
        self.state = StatePill("not asked yet")
        self.saves: list[QPushButton] = []
        self.head.addWidget(self.state)
        word = environment.word
        self.fields = {
            SECRET_KEY_NAME: SecretField(key_hint, f"{word} secret key"),
            WEBHOOK_SECRET_NAME: SecretField(secret_hint, f"{word} webhook signing secret"),
        }
        self.stored = {name: PlainLabel("not asked yet", "muted").selectable() for name in self.fields}
        self._add("Secret or restricted key", SECRET_KEY_NAME)
        self._add("Webhook signing secret", WEBHOOK_SECRET_NAME)
        self.test = button("Test connection", self.test_asked.emit)
        self.forget = button("Remove…", self.forget_asked.emit, "danger")
        self.result = PlainLabel().wrapped().selectable()
        self.body.addLayout(toolbar(self.test, self.forget, None))
        self.body.addWidget(self.result)
        self.result.hide()
        for each in (self.test, self.forget):
            each.setEnabled(False)  # until it is known that there is something to test or remove

    def _add(self, title: str, name: str) -> None:
        field = self.fields[name]
        save = button("Save", lambda: self._save(name))
        save.setAccessibleName(f"Save {self.environment.word} {title.lower()}")
        save.setObjectName(f"save_{self.environment.value}_{name}")
        self.saves.append(save)
        field.field.returnPressed.connect(lambda: self._save(name))
        row = toolbar(save)
        row.insertWidget(0, field, 1)
        column = QVBoxLayout()
        column.setSpacing(4)
        label = Labelled(title, self.stored[name])
        column.addWidget(label)
        column.addLayout(row)
        self.body.addLayout(column)

    def show_summaries(self, summaries: dict[str, SecretSummary | None]) -> None:
        for name, summary in summaries.items():
            words = "none stored"
            if summary is not None:
                words = f"{summary.masked}   fingerprint {summary.fingerprint}   kept in the {summary.kept}"
                if summary.kept != "keychain":
                    words = f"{summary.masked}   fingerprint {summary.fingerprint}   kept for this run only"
            self.stored[name].setText(words)
        there = sum(1 for summary in summaries.values() if summary)
        states = {0: ("none", "unknown"), 1: ("incomplete", "warn"), 2: ("complete", "ok")}
        self.state.show_state(*states[there])
        self.test.setEnabled(summaries.get(SECRET_KEY_NAME) is not None)
        self.forget.setEnabled(there > 0)

    def show_result(self, ok: bool, words: str) -> None:
        self.result.setProperty("role", "" if ok else "bad")
        self.result.setText(words)
        self.result.show()
        self.result.style().polish(self.result)

    def lock(self, busy: bool) -> None:
        """While something is stored, nothing else can be; what was typed stays in its field."""
        for save in self.saves:
            save.setDisabled(busy)

    def _save(self, name: str) -> None:
        if not self.saves[0].isEnabled():
            return
        value = self.fields[name].take()
        if value:
            self.save_asked.emit(name, value)
