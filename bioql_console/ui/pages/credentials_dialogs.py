"""Asking before a secret is stored, replaced, or stored without proof."""

from PySide6.QtWidgets import QComboBox, QWidget

from bioql_console.domain.environment import Environment
from bioql_console.domain.plain_text import isolated
from bioql_console.services.credentials import SecretSummary
from bioql_console.services.stripe_keys import ProvenKey
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.fields import Labelled

HOUR_MS = 3_600_000
OVERLAPS = (("24 hours", 24 * HOUR_MS), ("1 hour", HOUR_MS), ("Not at all: it ends now", 0))


class ReplaceDialog(PlanDialog):
    """States old and new, and asks how long the old one is kept."""

    def __init__(self, parent: QWidget, environment: Environment, title: str, rows: list[tuple[str, str]], note: str):
        super().__init__(parent, title, environment.word, "Replace", rows, note)
        self.overlap = QComboBox()
        for words, keep_ms in OVERLAPS:
            self.overlap.addItem(words, keep_ms)
        self.body.addWidget(Labelled("Keep the old one", self.overlap))

    @property
    def keep_ms(self) -> int:
        return int(self.overlap.currentData())


def replace_key_dialog(parent: QWidget, new: ProvenKey) -> ReplaceDialog:
    old = new.old
    assert old is not None
    rows = [("Old key", str(old)), ("New key", f"{new.masked} ({new.fingerprint})")]
    if new.account is None:
        rows.append(("Proof", "none: Stripe could not be asked"))
    else:
        rows.append(("Account", f"{isolated(new.account.name)} · {new.account.id}"))
        can = "all that the old one can"
        if new.loses:
            can = "not any more: " + ", ".join(str(permission) for permission in new.loses)
        rows.append(("It can do", can))
    note = (
        "The console uses the new key at once. The old one is kept only to look whether it is dead: "
        "revoke it on Stripe's API keys page."
    )
    return ReplaceDialog(parent, new.environment, "Replace the secret key", rows, note)


def replace_webhook_dialog(parent: QWidget, environment: Environment, old: SecretSummary) -> ReplaceDialog:
    note = (
        "While both are kept, events signed with either are accepted. Stripe signs with both for as long as you chose "
        "when you rolled the secret there, 24 hours at most."
    )
    rows = [("Old signing secret", str(old))]
    return ReplaceDialog(parent, environment, "Replace the webhook signing secret", rows, note)


def unproven_dialog(parent: QWidget, environment: Environment, why: str) -> PlanDialog:
    rows = [("Proof", why), ("Whose key it is", "not known")]
    note = "The console proves it by itself when Stripe can be reached, before anything else is asked with it."
    return PlanDialog(parent, "Save without proof", environment.word, "Save without proof", rows, note, look="danger")


def account_dialog(parent: QWidget, new: ProvenKey, why: str) -> PlanDialog:
    account = f"{isolated(new.account.name)} · {new.account.id}" if new.account else ""
    rows = [("New account", account), ("Why it is asked", why)]
    note = "The ledger holds nothing of the old account yet, so it can be changed."
    return PlanDialog(parent, "Change the Stripe account", new.environment.word, "Change account", rows, note)
