"""Stripe's secrets: what is accepted, where it is kept, and what is said of it."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import Credentials, fingerprint, masked, require_secret
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.secrets import (
    PREVIOUS_WEBHOOK_SECRET_NAME,
    SECRET_KEY_NAME,
    WEBHOOK_SECRET_NAME,
    MemorySecrets,
)
from tests.keychains import KeychainSession

KEY, WEBHOOK = "sk_test_canary7", "whsec_canary8"
TEST, LIVE, SANDBOX = Environment.TEST, Environment.LIVE, Environment.SANDBOX


# --- on entry ---------------------------------------------------------------------------------------------------------

REFUSED_KEYS = [
    ("nothing", TEST, "", "key.malformed"),
    ("something else", TEST, "hunter2hunter2", "key.malformed"),
    ("another program's key", TEST, "AKIA_test_canary", "key.malformed"),
    ("the key of a user of ours", TEST, "bioql_abcdefgh1", "key.malformed"),
    ("a signing secret", TEST, "whsec_canary8", "key.malformed"),
    ("no mode", TEST, "sk_canary", "key.malformed"),
    ("a mode that is none", TEST, "sk_prod_canary", "key.malformed"),
    ("cut off at the prefix", TEST, "sk_test_", "key.malformed"),
    ("cut off before it", TEST, "st_canary7", "key.malformed"),
    ("as the dashboard abbreviates it", TEST, "sk_test_…y7", "key.malformed"),
    ("as Stripe's answers mask it", TEST, "sk_test_****ary7", "key.malformed"),
    ("a blank inside", TEST, "sk_test_can ary7", "key.malformed"),
    ("a line break inside", TEST, "sk_test_can\nary7", "key.malformed"),
    ("quoted", TEST, '"sk_test_canary7"', "key.malformed"),
    ("as a line of a shell script", TEST, "STRIPE_SECRET_KEY=sk_test_canary7", "key.malformed"),
    ("letters of another alphabet", TEST, "sk_test_canаry7", "key.malformed"),
    ("far too long", TEST, "sk_test_" + "x" * 1200, "key.malformed"),
    ("publishable", TEST, "pk_test_canary7", "key.publishable"),
    ("publishable, live", LIVE, "pk_live_canary7", "key.publishable"),
    ("live in test", TEST, "sk_live_canary7", "key.wrong_environment"),
    ("live restricted in test", TEST, "rk_live_canary7", "key.wrong_environment"),
    ("test in live", LIVE, "rk_test_canary7", "key.wrong_environment"),
    ("live in the sandbox", SANDBOX, "sk_live_canary7", "key.wrong_environment"),
]
REFUSED_WEBHOOK_SECRETS = [
    ("nothing", ""),
    ("a secret key", "sk_test_canary7"),
    ("cut off", "whsec_"),
    ("a blank inside", "whsec_can ary8"),
    ("masked", "whsec_••••"),
    ("far too long", "whsec_" + "x" * 1200),
]


@pytest.fixture
def credentials() -> Credentials:
    """On a desktop without a keychain."""
    return Credentials(KeychainSecrets())


def told_nothing(error: OperatorError, entered: str) -> bool:
    """Neither the sentences nor the exception quote what was entered."""
    parts = [part for part in entered.split() if len(part) > 4 and not part.endswith("_")]
    return not any(part in error.sentence() + repr(error) for part in parts)


@pytest.mark.parametrize(("how", "environment", "entered", "code"), REFUSED_KEYS, ids=lambda value: str(value)[:40])
def test_key_that_can_not_be_right_is_refused(
    credentials: Credentials, how: str, environment: Environment, entered: str, code: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        credentials.save_secret_key(environment, entered)
    assert refused.value.code == code
    assert refused.value.fix
    assert told_nothing(refused.value, entered), how
    assert credentials.summary(environment, SECRET_KEY_NAME) is None


@pytest.mark.parametrize(("how", "entered"), REFUSED_WEBHOOK_SECRETS, ids=lambda value: str(value)[:40])
def test_signing_secret_that_can_not_be_right_is_refused(credentials: Credentials, how: str, entered: str) -> None:
    with pytest.raises(OperatorError) as refused:
        credentials.save_webhook_secret(TEST, entered)
    assert refused.value.code == "key.webhook_malformed"
    assert told_nothing(refused.value, entered), how
    assert credentials.webhook_secrets(TEST) == []


@pytest.mark.parametrize("entered", ["rk_test_canary7", "  sk_test_canary7 ", "sk_test_canary7\n", "\tsk_test_canary7"])
def test_blanks_around_a_key_are_taken_off(credentials: Credentials, entered: str) -> None:
    """With a line end in it, the key would be quoted in full by the error of the request that carries it."""
    credentials.save_secret_key(TEST, entered)
    assert credentials.stripe_secret_key(TEST) == entered.strip()


# --- kept -------------------------------------------------------------------------------------------------------------


def test_without_a_keychain_secrets_are_kept_for_this_run_only_and_flagged_so(credentials: Credentials) -> None:
    assert credentials.last_status().state == "unknown"
    summary = credentials.save_secret_key(TEST, KEY)
    assert summary.kept == "this run only"
    assert credentials.status().state == "missing"
    assert credentials.status().words == "This desktop has no keychain. Secrets are kept for this run only."
    assert credentials.stripe_secret_key(TEST) == KEY
    assert Credentials(KeychainSecrets()).stripe_secret_key(TEST) is None, "The next run knows it."


def test_without_a_keychain_there_is_no_secret_instead_of_an_error_at_every_turn(credentials: Credentials) -> None:
    assert credentials.stripe_secret_key(LIVE) is None
    assert credentials.webhook_secrets(LIVE) == []
    with pytest.raises(OperatorError) as missing:
        require_secret(credentials.stripe_secret_key(LIVE), "secret key", LIVE)
    assert missing.value.sentence() == "There is no LIVE secret key. Enter it in Settings › Credentials."


@pytest.mark.keychain
def test_with_a_keychain_the_next_run_has_them(keyring_session: KeychainSession) -> None:
    first = Credentials(KeychainSecrets())
    assert first.save_secret_key(TEST, KEY).kept == "keychain"
    assert first.save_webhook_secret(TEST, WEBHOOK).kept == "keychain"
    second = Credentials(KeychainSecrets())
    assert second.stripe_secret_key(TEST) == KEY
    assert second.webhook_secrets(TEST) == [WEBHOOK]
    assert second.stripe_secret_key(LIVE) is None
    assert second.summary(TEST, SECRET_KEY_NAME) == first.summary(TEST, SECRET_KEY_NAME)


@pytest.mark.keychain
def test_while_a_signing_secret_is_rotated_both_count(keyring_session: KeychainSession) -> None:
    KeychainSecrets().put(TEST, PREVIOUS_WEBHOOK_SECRET_NAME, "whsec_older5")
    credentials = Credentials(KeychainSecrets())
    credentials.save_webhook_secret(TEST, WEBHOOK)
    assert credentials.webhook_secrets(TEST) == [WEBHOOK, "whsec_older5"]


@pytest.mark.keychain
def test_keychain_that_was_locked_meanwhile_does_not_lose_what_is_saved(keyring_session: KeychainSession) -> None:
    credentials = Credentials(KeychainSecrets())
    assert credentials.status().state == "ok"
    keyring_session.lock()
    assert credentials.save_secret_key(TEST, KEY).kept == "this run only"
    assert credentials.stripe_secret_key(TEST) == KEY
    assert credentials.last_status().state == "locked", "The status says the keychain is open."
    assert "this run only" in credentials.last_status().words


@pytest.mark.keychain
def test_locked_keychain_is_not_an_empty_one(keyring_session: KeychainSession) -> None:
    KeychainSecrets().put(TEST, SECRET_KEY_NAME, KEY)
    keyring_session.lock()
    with pytest.raises(OperatorError) as locked:
        Credentials(KeychainSecrets()).stripe_secret_key(TEST)
    assert locked.value.code == "keychain.locked"


@pytest.mark.keychain
def test_forgotten_secrets_are_gone_for_the_next_run_too(keyring_session: KeychainSession) -> None:
    credentials = Credentials(KeychainSecrets())
    credentials.save_secret_key(TEST, KEY)
    credentials.save_webhook_secret(TEST, WEBHOOK)
    credentials.save_secret_key(LIVE, "rk_live_canary9")
    credentials.forget(TEST)
    for run in (credentials, Credentials(KeychainSecrets())):
        assert run.stripe_secret_key(TEST) is None
        assert run.webhook_secrets(TEST) == []
        assert run.stripe_secret_key(LIVE) == "rk_live_canary9"


@pytest.mark.keychain
def test_secret_that_can_not_be_removed_is_not_called_removed(keyring_session: KeychainSession) -> None:
    KeychainSecrets().put(TEST, SECRET_KEY_NAME, KEY)
    keyring_session.lock()
    with pytest.raises(OperatorError) as locked:
        Credentials(KeychainSecrets()).forget(TEST)
    assert locked.value.code == "keychain.locked"


class SlowKeychain(KeychainSecrets):
    """Answers what it read only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = threading.Event(), threading.Event()

    def get(self, environment: Environment, name: str) -> str | None:
        found = super().get(environment, name)
        self.asked.set()
        assert self.answer.wait(5)
        return found


@pytest.mark.keychain
def test_key_that_is_changed_during_a_slow_read_stays_changed(keyring_session: KeychainSession) -> None:
    KeychainSecrets().put(TEST, SECRET_KEY_NAME, "sk_test_older1")
    keychain = SlowKeychain()
    credentials = Credentials(keychain)
    reader = threading.Thread(target=credentials.stripe_secret_key, args=(TEST,))
    reader.start()
    assert keychain.asked.wait(5)
    credentials.save_secret_key(TEST, KEY)
    keychain.answer.set()
    reader.join(5)
    assert credentials.stripe_secret_key(TEST) == KEY


# --- shown ------------------------------------------------------------------------------------------------------------

# No hexadecimal digits: what the fingerprint shows can't be there by chance.
bodies = st.text(st.sampled_from("GHJKLMNPQRSTUVWXYZghjkmnpqrstuvwxyz"), min_size=4, max_size=120)


@given(st.sampled_from(["sk_test_", "rk_live_", "whsec_"]), bodies)
def test_summary_shows_no_more_than_the_last_four_characters(prefix: str, body: str) -> None:
    shown = masked(prefix + body) + " " + fingerprint(prefix + body)
    assert not any(body[at : at + 5] in shown for at in range(max(len(body) - 4, 1)) if len(body) >= 5)
    assert masked(prefix + body).startswith(prefix)
    assert len(body) >= 12 or masked(prefix + body) == prefix + "…", "Of a short secret, four characters are too many."


@given(bodies, bodies)
def test_fingerprint_tells_secrets_apart_and_stays_the_same(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(one)
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert len(fingerprint(one)) == 12
    assert int(fingerprint(one), 16) >= 0


def test_nothing_that_holds_secrets_shows_them(credentials: Credentials) -> None:
    summary = credentials.save_secret_key(TEST, KEY)
    memory = MemorySecrets()
    memory.put(TEST, WEBHOOK_SECRET_NAME, WEBHOOK)
    shown = f"{credentials!r} {credentials} {summary!r} {memory!r} {credentials.status()!r} {KeychainSecrets()!r}"
    assert "canary" not in shown
    assert repr(memory) == "MemorySecrets(['test/webhook_secret'])"
