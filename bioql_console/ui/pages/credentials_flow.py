"""What is asked, step by step, when an operator enters, replaces or removes a secret."""

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.secrets import SECRET_KEY_NAME
from bioql_console.services.stripe_keys import ProvenKey
from bioql_console.ui.pages.credentials_card import CredentialsCard
from bioql_console.ui.pages.credentials_dialogs import (
    account_dialog,
    replace_key_dialog,
    replace_webhook_dialog,
    unproven_dialog,
)
from bioql_console.ui.viewmodels.credentials import CredentialsViewModel
from bioql_console.ui.widgets.dialogs import PlanDialog

# Stripe did not say no to the key: it could not be asked, or may not tell.
NOT_REFUSED = ("stripe.unreachable", "stripe.failed", "stripe.busy", "stripe.rate_limited", "key.account_unreadable")
LOOK_AGAIN_MS = 15_000


class CredentialsFlow:
    """Binds the cards to the view model."""

    def __init__(self, page: QWidget, model: CredentialsViewModel, cards: tuple[CredentialsCard, ...]) -> None:
        self._page, self._model = page, model
        self._cards = {card.environment: card for card in cards}
        for environment, card in self._cards.items():
            model.busy_changed.connect(card.lock)
            card.save_asked.connect(partial(model.act, self._save, environment))
            card.explore_asked.connect(partial(model.act, model.explore, environment))
            model.asking.connect(card.show_asking)
            card.stop_asked.connect(model.stop_asking)
            card.forget_asked.connect(partial(model.act, self._forget, environment))
            card.old_key_asked.connect(partial(model.act, model.look_at_old_key, environment))
            card.end_asked.connect(partial(model.act, model.end_overlap, environment))
        # An overlap that runs is followed: how long it lasts, and whether the old secret is still used.
        self._follow = QTimer(page)
        self._follow.setInterval(LOOK_AGAIN_MS)
        self._follow.timeout.connect(self._look_again)
        self._follow.start()
        model.seen.connect(lambda environment, seen: self._cards[environment].show_seen(seen, model.console.now_ms()))
        model.explored.connect(lambda environment, explored: self._cards[environment].show_explored(explored))
        model.said.connect(lambda environment, ok, words: self._cards[environment].show_result(ok, words))

    def _look_again(self) -> None:
        shown = self._page.isVisible() and any(
            old.isVisible() for card in self._cards.values() for old in card.old.values()
        )
        if shown and not self._model.acting:
            self._model.refresh()

    async def _save(self, environment: Environment, name: str, entered: str) -> None:
        if name == SECRET_KEY_NAME:
            await self._save_key(environment, entered)
            return
        old = await self._model.checked_webhook_secret(environment, entered)
        keep_ms = 0
        if old is not None:
            dialog = replace_webhook_dialog(self._page, environment, old)
            if not await dialog.ask():
                return
            keep_ms = dialog.keep_ms
        await self._model.store_webhook_secret(environment, entered, keep_ms)

    async def _save_key(self, environment: Environment, entered: str) -> None:
        try:
            new = await self._model.prove(environment, entered)
        except OperatorError as error:
            if error.code not in NOT_REFUSED:
                raise
            if not await unproven_dialog(self._page, environment, error.sentence()).ask():
                raise
            new = await self._model.unproven(environment, entered)
        keep_ms = 0
        if new.old is not None:
            dialog = replace_key_dialog(self._page, new)
            if not await dialog.ask():
                return
            keep_ms = dialog.keep_ms
        await self._store(new, keep_ms)

    async def _store(self, new: ProvenKey, keep_ms: int) -> None:
        try:
            await self._model.store_key(new, keep_ms)
        except OperatorError as error:
            if error.code != "key.account_change" or not await account_dialog(self._page, new, error.what).ask():
                raise
            await self._model.store_key(new, keep_ms, change=True)

    async def _forget(self, environment: Environment) -> None:
        rows = [("Environment", environment.word), ("Removed", "secret key and webhook signing secret, also old ones")]
        note = "Stripe keeps its keys; roll them there if they may have leaked."
        dialog = PlanDialog(self._page, "Remove credentials", environment.word, "Remove", rows, note, look="danger")
        if await dialog.ask():
            await self._model.forget(environment)
