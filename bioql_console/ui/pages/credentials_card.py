"""Stripe's secrets of one environment: entered, shown masked, proven, replaced, removed."""

from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from bioql_console.domain.environment import Environment
from bioql_console.domain.rights import Role
from bioql_console.services.credentials import SecretSummary
from bioql_console.services.secrets import PREVIOUS_OF, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_keys import KeyFacts
from bioql_console.ui import formats
from bioql_console.ui.pages.capabilities_view import CapabilitiesView
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.viewmodels.credentials import CredentialsSeen, KeyExplored
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import Card
from bioql_console.ui.widgets.fields import Labelled, SecretField
from bioql_console.ui.widgets.labels import PlainLabel, StatePill, restyle

HINTS = {
    Environment.TEST: ("rk_test_… or sk_test_…", "whsec_…"),
    Environment.LIVE: ("rk_live_… or sk_live_…", "whsec_…"),
}


class OldSecret(QWidget):
    """A replaced secret while it is kept. Hidden when there is none."""

    def __init__(self, name: str, *buttons: QPushButton) -> None:
        super().__init__()
        self.words = PlainLabel("", "muted").wrapped().selectable()
        self.words.setAccessibleName(name)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.words)
        column.addLayout(toolbar(*buttons, None))
        self.hide()

    def show_words(self, words: str) -> None:
        self.words.setText(words)
        self.setVisible(bool(words))


class CredentialsCard(Card):
    """Signals: `save_asked` with a secret's name and value; `end_asked` with a name; the others with nothing."""

    save_asked = Signal(str, str)
    explore_asked = Signal()
    stop_asked = Signal()
    forget_asked = Signal()
    old_key_asked = Signal()
    end_asked = Signal(str)

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
        self.stored = {name: PlainLabel("not asked yet", "muted").wrapped().selectable() for name in self.fields}
        self.facts = PlainLabel("", "muted").wrapped().selectable()
        self.is_dead = button(
            "Is it dead?", self.old_key_asked.emit, tip="Asks Stripe with the old key", needs=Role.OPERATOR
        )
        self.ends = {
            name: button("Remove now", partial(self.end_asked.emit, name), needs=Role.OPERATOR) for name in self.fields
        }
        self.old = {
            SECRET_KEY_NAME: OldSecret(f"Old {word} secret key", self.is_dead, self.ends[SECRET_KEY_NAME]),
            WEBHOOK_SECRET_NAME: OldSecret(f"Old {word} signing secret", self.ends[WEBHOOK_SECRET_NAME]),
        }
        self._add("Restricted or secret key", SECRET_KEY_NAME)
        self._add("Webhook signing secret", WEBHOOK_SECRET_NAME)
        self.explore = button(
            "Check the key",
            self.explore_asked.emit,
            tip="Whose it is, and what it may do at Stripe",
            needs=Role.OPERATOR,
        )
        self.forget = button("Remove…", self.forget_asked.emit, "danger", needs=Role.OPERATOR)
        self.result = PlainLabel().wrapped().selectable()
        self.capabilities = CapabilitiesView()
        self.asking = PlainLabel("", "muted")
        self.stop = button("Stop", self._stop)
        self.stop.setAccessibleName(f"Stop asking about the {word} key")
        self.body.addLayout(toolbar(self.explore, self.forget, self.asking, None, self.stop))
        self.stop.hide()
        self.body.addWidget(self.result)
        self.body.addWidget(self.capabilities)
        self.result.hide()
        for each in (self.explore, self.forget):
            each.setEnabled(False)  # until it is known that there is something to check or remove

    def _add(self, title: str, name: str) -> None:
        field = self.fields[name]
        save = button("Save", lambda: self._save(name), needs=Role.OPERATOR)
        save.setAccessibleName(f"Save {self.environment.word} {title.lower()}")
        save.setObjectName(f"save_{self.environment.value}_{name}")
        self.saves.append(save)
        field.field.returnPressed.connect(save.click)
        row = toolbar(save)
        row.insertWidget(0, field, 1)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(Labelled(title, self.stored[name]))
        if name == SECRET_KEY_NAME:
            column.addWidget(self.facts)
        column.addWidget(self.old[name])
        column.addLayout(row)
        self.body.addLayout(column)

    def show_seen(self, seen: CredentialsSeen, now_ms: int) -> None:
        for name in self.fields:
            self.stored[name].setText(_stored(seen.secrets.get(name)))
            self.old[name].show_words(_old(name, seen, now_ms))
        self.facts.setText(_facts(seen.facts, now_ms))
        self.facts.setVisible(seen.facts is not None)
        there = sum(1 for name in self.fields if seen.secrets.get(name))
        states = {0: ("none", "unknown"), 1: ("incomplete", "warn"), 2: ("complete", "ok")}
        state = states[there]
        if there == 2 and seen.facts is not None and seen.facts.proven_ms is None:
            state = ("not proven", "warn")
        self.state.show_state(*state)
        self.explore.setEnabled(seen.secrets.get(SECRET_KEY_NAME) is not None)
        self.forget.setEnabled(there > 0)
        if seen.secrets.get(SECRET_KEY_NAME) is None:
            self.capabilities.hide()

    def show_explored(self, explored: KeyExplored) -> None:
        self.capabilities.show_explored(explored)

    @Slot(object, str)
    def show_asking(self, environment: Environment, words: str) -> None:
        """How far asking Stripe is; told from another thread, so this is a slot."""
        if environment is self.environment:
            self.asking.setText(words)
            if self.stop.isHidden() and words:
                self.stop.setEnabled(True)
            self.stop.setVisible(bool(words))

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self.stop_asked.emit()

    def show_result(self, ok: bool, words: str) -> None:
        self.result.setProperty("role", "" if ok else "bad")
        self.result.setText(words)
        self.result.setVisible(bool(words))
        restyle(self.result)

    def lock(self, busy: bool) -> None:
        """While something is stored or asked, nothing else can be; what was typed stays in its field."""
        for each in (*self.saves, *self.ends.values(), self.is_dead):
            each.setDisabled(busy)

    def _save(self, name: str) -> None:
        if not self.saves[0].isEnabled():
            return
        value = self.fields[name].take()
        if value:
            self.save_asked.emit(name, value)


def _stored(summary: SecretSummary | None) -> str:
    if summary is None:
        return "none stored"
    kept = "kept in the keychain" if summary.kept == "keychain" else "kept for this run only"
    return f"{summary.masked}   fingerprint {summary.fingerprint}   {kept}"


def _facts(facts: KeyFacts | None, now_ms: int) -> str:
    if facts is None:
        return ""
    kind = "Restricted key" if facts.restricted else "Unrestricted key: it may do everything"
    if facts.proven_ms is None:
        return f"{kind}. Not proven yet: Stripe was not asked whose it is."
    return f"{kind}. {facts.account}, proven {formats.ago(facts.proven_ms, now_ms)}."


def _old(name: str, seen: CredentialsSeen, now_ms: int) -> str:
    old = seen.secrets.get(PREVIOUS_OF[name])
    if old is None:
        return ""
    if old.until_ms is None:
        end = "until it is removed"
    else:
        end = f"until {formats.moment(old.until_ms)}, {formats.countdown(max(old.until_ms - now_ms, 0))} left"
    if name == SECRET_KEY_NAME:
        return f"The old key {old} is kept {end}. Revoke it on Stripe's API keys page."
    used = f"last used {formats.ago(seen.old_used_ms, now_ms)}" if seen.old_used_ms else "not used since the start"
    return f"The old signing secret {old} is accepted as well {end}; {used}."
