"""The keychain freezes and its bus dies while the window is open: it keeps living, says so, and goes on without."""

import asyncio
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.services.secrets import SECRET_KEY_NAME
from tests.keychains import KeychainSession
from tests.stories.windows import open_window

KEY = "rk_test_obviouslyfakekeyofthetests"


@pytest.mark.keychain
@pytest.mark.deadline(90)
@pytest.mark.fault(
    "Keychain",
    "the keychain's daemon is frozen while the window is open, then the session bus is killed",
    "The window keeps living; the status bar names the trouble and its cure, and a key that is entered now is kept for "
    "this run only, and said to be.",
    figure="1 SIGSTOP of the daemon, 1 SIGKILL of the bus",
)
async def test_frozen_then_gone_and_the_window_lives(data_dir: Path, keyring_session: KeychainSession) -> None:
    async with open_window(data_dir, users=0, environment="test") as desk:
        hand, sign, vitals = desk.hand, desk.window.status.signs["keychain"], desk.window.vitals
        assert vitals is not None
        await hand.until(lambda: sign.text() == "Keychain open", "it is open at first")
        keyring_session.freeze()
        try:
            vitals.look_at_keychain()
            await hand.open_page("settings")
            turns = 0
            while "frozen" not in sign.text():
                turns += 1
                await asyncio.sleep(0.01)
            assert turns > 50, "the window went on while the keychain did not answer"
            assert vitals.signs["keychain"].cure
        finally:
            keyring_session.thaw()

        def is_open() -> bool:
            vitals.look_at_keychain()  # again: the daemon first works off what it was asked while it was frozen
            return sign.text() == "Keychain open"

        await hand.until(is_open, "it answers again", 30)
        keyring_session.kill_bus()
        vitals.look_at_keychain()
        await hand.until(lambda: "for this run only" in sign.text(), "it is gone, and that is said", 30)
        card = desk.page("settings").test
        await desk.console.workers.keychain.run(desk.console.credentials.save_secret_key, Environment.TEST, KEY)
        summary = await desk.console.workers.keychain.run(
            desk.console.credentials.summary, Environment.TEST, SECRET_KEY_NAME
        )
        assert summary.kept == "this run only"
        assert card.isVisible()
