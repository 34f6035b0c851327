"""The keychain in every state that an operator meets, on a real gnome-keyring."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import secretstorage

import bioql_console.services.keychain as keychain_module
from bioql_console.domain.environment import LONGEST_SECRET, Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.keychain import MOST_STUCK_CALLS, KeychainSecrets
from bioql_console.services.keychain_turn import keychain_turn, turn_file
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from tests.keychains import KeychainSession
from tests.services.leaks import files_with
from tests.waiting import wait_until

KEY = "sk_test_canary7"
TEST, LIVE = Environment.TEST, Environment.LIVE
SHORT_S = 0.3


def calls(keychain: KeychainSecrets) -> dict[str, Callable[[], Any]]:
    """Everything that can be asked of a keychain."""
    return {
        "get": lambda: keychain.get(TEST, SECRET_KEY_NAME),
        "put": lambda: keychain.put(TEST, SECRET_KEY_NAME, KEY),
        "forget": lambda: keychain.forget(TEST, SECRET_KEY_NAME),
    }


def refusals(keychain: KeychainSecrets) -> dict[str, str]:
    """The code with which each call fails; each says what to do next, and none says the secret."""
    codes = {}
    for name, call in calls(keychain).items():
        with pytest.raises(OperatorError) as refused:
            call()
        assert refused.value.what
        assert refused.value.fix
        assert KEY not in refused.value.sentence() + str(refused.value) + repr(refused.value.__cause__)
        codes[name] = refused.value.code
    return codes


def entries() -> set[str]:
    connection = secretstorage.dbus_init()
    try:
        items = secretstorage.get_default_collection(connection).get_all_items()
        return {item.get_attributes()["username"] for item in items}
    finally:
        connection.close()


def homes(session: KeychainSession) -> tuple[Path, ...]:
    """All that anybody in this test could have written to."""
    return session.folder, Path(os.environ["XDG_CONFIG_HOME"]).parent


# --- open -------------------------------------------------------------------------------------------------------------


@pytest.mark.keychain
def test_probe_writes_reads_and_deletes(keyring_session: KeychainSession) -> None:
    status = KeychainSecrets().probe()
    assert (status.state, status.cure) == ("ok", "")
    assert "SecretService" in status.backend
    assert entries() == set(), "The probe left something behind."


@pytest.mark.keychain
def test_each_secret_of_each_environment_is_an_entry_of_its_own(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets()
    keychain.put(TEST, SECRET_KEY_NAME, KEY)
    keychain.put(LIVE, SECRET_KEY_NAME, "rk_live_other9")
    keychain.put(TEST, WEBHOOK_SECRET_NAME, "whsec_third")
    assert entries() == {"test/stripe_secret_key", "live/stripe_secret_key", "test/webhook_secret"}

    keychain.put(TEST, SECRET_KEY_NAME, "sk_test_newer")
    keychain.forget(LIVE, SECRET_KEY_NAME)
    assert KeychainSecrets().get(TEST, SECRET_KEY_NAME) == "sk_test_newer"
    assert KeychainSecrets().get(LIVE, SECRET_KEY_NAME) is None
    assert len(entries()) == 2
    assert not files_with("sk_test_newer", *homes(keyring_session)), "It lies somewhere in plain text."


@pytest.mark.keychain
def test_forgetting_what_is_not_there_is_no_failure(keyring_session: KeychainSession) -> None:
    KeychainSecrets().forget(TEST, SECRET_KEY_NAME)
    assert entries() == set()


@pytest.mark.keychain
def test_two_consoles_may_probe_at_the_same_moment(keyring_session: KeychainSession) -> None:
    """With one entry for all probes, each would delete what the other one wrote."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: KeychainSecrets().probe().state, range(8)))
    if keyring_session.daemon.poll() is not None:
        pytest.skip("gnome-keyring crashed, as it does once in some thousand connections")
    assert set(found) == {"ok"}
    assert entries() == set()


def test_one_turn_at_a_time() -> None:
    with keychain_turn() as first, keychain_turn(patience_s=0.05) as second:
        assert (first, second) == (True, False)
    with keychain_turn(patience_s=0) as third:
        assert third, "The turn was not given back."


@pytest.mark.keychain
def test_every_call_takes_its_turn(keyring_session: KeychainSession, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []
    explained = keychain_module._explained

    def watched(work: Callable[[], object]) -> object:
        with keychain_turn(patience_s=0) as mine:
            free.append(mine)
        return explained(work)

    monkeypatch.setattr(keychain_module, "_explained", watched)
    KeychainSecrets().put(TEST, SECRET_KEY_NAME, KEY)
    KeychainSecrets().get(TEST, SECRET_KEY_NAME)
    assert free == [False, False]


@pytest.mark.keychain
def test_console_that_waits_at_a_prompt_holds_up_no_other(keyring_session: KeychainSession) -> None:
    with keychain_turn(), keychain_turn(patience_s=0.05):
        assert KeychainSecrets().probe().state == "ok"


@pytest.mark.keychain
def test_calls_go_on_where_no_turn_can_be_taken(
    keyring_session: KeychainSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "never made"))
    assert KeychainSecrets().probe().state == "ok"
    assert not turn_file().exists()


def test_nothing_longer_than_any_keychain_takes_is_tried() -> None:
    with pytest.raises(ValueError, match="longer") as refused:
        KeychainSecrets().put(TEST, SECRET_KEY_NAME, "s" * (LONGEST_SECRET + 1))
    assert "ss" not in str(refused.value)


# --- missing ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "Keychain",
    "there is no keychain",
    "It is said with its cure, and no secret passes for stored.",
    figure="3 kinds of missing bus",
)
@pytest.mark.parametrize("address", [None, "unix:path=gone.socket", "nonsense"])
def test_desktop_without_a_keychain(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if address is not None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    keychain = KeychainSecrets()
    status = keychain.probe()
    assert status.state == "missing"
    assert "gnome-keyring" in status.cure
    assert set(refusals(keychain).values()) == {"keychain.none"}


@pytest.mark.keychain
def test_keychain_that_is_started_later_is_found(
    keyring_session: KeychainSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cure says "start it, then retry", so retrying must look again."""
    keychain = KeychainSecrets()
    with monkeypatch.context() as before:
        before.delenv("DBUS_SESSION_BUS_ADDRESS")
        assert keychain.probe().state == "missing"
    assert keychain.probe().state == "ok"


# --- closed -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "Keychain",
    "the keychain is locked",
    "Each call is refused with the cure, and nothing is written anywhere else.",
    figure="each of the calls refused, 0 files with the key",
)
@pytest.mark.keychain
def test_locked_keychain(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets()
    keychain.put(TEST, SECRET_KEY_NAME, KEY)
    keyring_session.lock()
    status = keychain.probe()
    assert (status.state, status.words) == ("locked", "The keychain is locked.")
    assert "Unlock it" in status.cure
    assert set(refusals(keychain).values()) == {"keychain.locked"}
    assert not files_with(KEY, *homes(keyring_session))


@pytest.mark.fault(
    "Keychain",
    "the keychain's daemon is killed",
    "Its successor is locked, and that is said with the cure.",
    figure="1 daemon killed, each of the calls refused",
)
@pytest.mark.keychain
def test_daemon_that_died_comes_back_locked(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets()
    assert keychain.probe().state == "ok"
    keyring_session.kill_daemon()
    assert set(refusals(keychain).values()) == {"keychain.locked"}


@pytest.mark.fault(
    "Keychain",
    "the keychain's password prompt is dismissed",
    "It is said with its cure, and nothing is written anywhere else.",
    figure="each of the calls refused, 0 files with the key",
)
@pytest.mark.keychain
def test_prompt_that_is_dismissed(keyring_session: KeychainSession) -> None:
    """A daemon without a collection asks to create one, and nobody can answer."""
    keyring_session.kill_daemon()
    shutil.rmtree(keyring_session.folder / "home/.local/share/keyrings")
    keychain = KeychainSecrets()
    status = keychain.probe()
    assert status.state == "locked"
    assert "dismissed" in status.words
    assert "login keychain" in status.cure
    assert set(refusals(keychain).values()) == {"keychain.dismissed"}
    assert not files_with(KEY, *homes(keyring_session))


# --- silent -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "Keychain",
    "the keychain's daemon is frozen",
    "A call costs the deadline and no more, and is refused with the cure.",
    figure="3 calls of 0.3 s, at most 1.9 s in all",
)
@pytest.mark.keychain
def test_frozen_keychain_costs_the_deadline_and_no_more(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets(SHORT_S)
    assert keychain.probe().state == "ok"
    keyring_session.freeze()
    started = time.monotonic()
    assert set(refusals(keychain).values()) == {"keychain.frozen"}
    assert time.monotonic() - started < 3 * SHORT_S + 1
    status = keychain.probe()
    assert status.state == "frozen"
    assert "password prompt" in status.cure


@pytest.mark.fault(
    "Keychain",
    "the frozen keychain comes back",
    "It is used again, and few threads waited for it.",
    figure="7 calls, at most 5 threads that wait",
)
@pytest.mark.keychain
def test_keychain_that_thaws_is_used_again_however_often_it_was_asked(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets(0.4)
    keyring_session.freeze()
    for _ in range(MOST_STUCK_CALLS + 2):
        assert keychain.probe().state == "frozen"
    stuck = [thread for thread in threading.enumerate() if thread.name == "keychain"]
    assert len(stuck) <= MOST_STUCK_CALLS, "A frozen keychain gets more and more threads."
    keyring_session.thaw()
    wait_until(lambda: KeychainSecrets().probe().state == "ok", 30)
    wait_until(lambda: keychain.probe().state == "ok", 30)


@pytest.mark.fault(
    "Keychain",
    "the session bus dies",
    "It is said that the keychain is gone, not that there are no secrets.",
    figure="1 bus killed, 0 files with the key",
)
@pytest.mark.keychain
def test_bus_that_dies_takes_the_keychain_with_it(keyring_session: KeychainSession) -> None:
    keychain = KeychainSecrets()
    keychain.put(TEST, SECRET_KEY_NAME, KEY)
    keyring_session.kill_bus()
    assert set(refusals(keychain).values()) == {"keychain.gone"}, "It was there; to say there is none would be wrong."
    status = keychain.probe()
    assert status.state == "gone"
    assert "Log out and in" in status.cure
    assert not files_with(KEY, *homes(keyring_session))
