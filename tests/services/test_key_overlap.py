"""Replacing a secret: old and new overlap, end on time, and a crash at any moment leaves a secret that works."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.credentials import Credentials
from bioql_console.services.keychain import KeychainSecrets, KeychainStatus
from bioql_console.services.secrets import PREVIOUS_WEBHOOK_SECRET_NAME, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from tests.keychains import KeychainSession

TEST = Environment.TEST
HOUR = 3_600_000
OLD, NEW, NEWER = "whsec_old1", "whsec_new2", "whsec_newer3"


@dataclass
class Clock:
    """Time that moves when told to."""

    ms: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.ms


class PowerCut(Exception):
    """The process ends here."""


@dataclass
class Entries(KeychainSecrets):
    """A keychain that outlives the process, and may be the last thing that a process wrote to."""

    kept: dict[str, str] = field(default_factory=dict)
    writes_left: int | None = None

    def _write(self) -> None:
        if self.writes_left == 0:
            raise PowerCut
        if self.writes_left is not None:
            self.writes_left -= 1

    def get(self, environment: Environment, name: str) -> str | None:
        return self.kept.get(name)

    def put(self, environment: Environment, name: str, value: str) -> None:
        self._write()
        self.kept[name] = value

    def forget(self, environment: Environment, name: str) -> None:
        self._write()
        self.kept.pop(name, None)

    def probe(self) -> KeychainStatus:
        return KeychainStatus("ok", "Secrets are in the keychain.")


@pytest.mark.fault(
    "Signature",
    "the signing secret is being replaced",
    "Old and new count until the end that was agreed, also after a restart; then only the new one.",
    figure="24 hours, to the millisecond",
)
@pytest.mark.keychain
def test_old_and_new_are_accepted_until_the_end_also_after_a_restart(keyring_session: KeychainSession) -> None:
    clock = Clock()
    credentials = Credentials(KeychainSecrets(), clock)
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, OLD, 0)
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, NEW, 24 * HOUR)
    for run in (credentials, Credentials(KeychainSecrets(), clock)):
        assert run.webhook_secrets(TEST) == [NEW, OLD]
        old = run.summary(TEST, PREVIOUS_WEBHOOK_SECRET_NAME)
        assert old is not None
        assert old.until_ms == clock.ms + 24 * HOUR
    clock.ms += 24 * HOUR - 1
    assert credentials.webhook_secrets(TEST) == [NEW, OLD]
    clock.ms += 1
    later = Credentials(KeychainSecrets(), clock)
    assert later.webhook_secrets(TEST) == [NEW], "The old secret outlived its end."
    assert [str(each) for each in later.remove_overdue(TEST)] == [str(old)]
    assert KeychainSecrets().get(TEST, PREVIOUS_WEBHOOK_SECRET_NAME) is None
    assert later.remove_overdue(TEST) == []


def test_replaced_at_once_the_old_one_is_gone() -> None:
    keychain = Entries()
    credentials = Credentials(keychain, Clock())
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, OLD, 0)
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, NEW, HOUR)
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, NEWER, 0)
    assert credentials.webhook_secrets(TEST) == [NEWER]
    assert keychain.kept == {WEBHOOK_SECRET_NAME: NEWER}


def test_same_secret_again_does_not_retire_itself() -> None:
    credentials = Credentials(Entries(), Clock())
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, NEW, 0)
    credentials.replace(TEST, WEBHOOK_SECRET_NAME, NEW, HOUR)
    assert credentials.webhook_secrets(TEST) == [NEW]


def test_refused_secret_changes_nothing() -> None:
    keychain = Entries()
    credentials = Credentials(keychain, Clock())
    credentials.replace(TEST, SECRET_KEY_NAME, "rk_test_canary7", 0)
    with pytest.raises(OperatorError):
        credentials.replace(TEST, SECRET_KEY_NAME, "pk_test_canary7", HOUR)
    assert keychain.kept == {SECRET_KEY_NAME: "rk_test_canary7"}


def test_another_console_sees_what_was_replaced_when_it_looks_again() -> None:
    keychain, clock = Entries(), Clock()
    window, server = Credentials(keychain, clock), Credentials(keychain, clock)
    window.replace(TEST, WEBHOOK_SECRET_NAME, OLD, 0)
    assert server.webhook_secrets(TEST) == [OLD]
    window.replace(TEST, WEBHOOK_SECRET_NAME, NEW, HOUR)
    assert server.reread(TEST)
    assert server.webhook_secrets(TEST) == [NEW, OLD]
    assert not server.reread(TEST), "Nothing changed since."


@dataclass
class Book:
    """What must be accepted, kept as simply as it can be said."""

    current: str | None = None
    old: str | None = None
    until_ms: int = 0

    def accepted(self, now_ms: int) -> set[str]:
        old = {self.old} if self.old and now_ms < self.until_ms else set()
        return old | ({self.current} if self.current else set())

    def replaced(self, new: str, keep_ms: int, now_ms: int) -> "Book":
        if new == self.current:
            return Book(new, self.old, self.until_ms) if keep_ms else Book(new)
        return Book(new, self.current, now_ms + keep_ms) if keep_ms else Book(new)


replacing = st.tuples(
    st.just("replace"), st.integers(0, 4), st.sampled_from([0, HOUR, 24 * HOUR]), st.sampled_from([None, None, 0, 1])
)
waiting = st.tuples(st.just("wait"), st.integers(0, 30 * HOUR))
steps = st.lists(st.one_of(replacing, waiting, st.just(("tidy",)), st.just(("restart",))), max_size=12)


@given(steps)
def test_whatever_is_replaced_waited_for_and_cut_off_the_right_secrets_are_accepted(
    steps: list[tuple[object, ...]],
) -> None:
    keychain, clock, book = Entries(), Clock(), Book()
    credentials = Credentials(keychain, clock)
    for name, *rest in steps:
        if name == "wait":
            clock.ms += int(str(rest[0]))
        elif name == "tidy":
            credentials.remove_overdue(TEST)
        elif name == "restart":
            credentials = Credentials(keychain, clock)
        else:
            new, keep_ms = f"whsec_number{rest[0]}", int(str(rest[1]))
            after = book.replaced(new, keep_ms, clock.ms)
            before = {book.current} - {None}
            keychain.writes_left = None if rest[2] is None else int(str(rest[2]))
            try:
                credentials.replace(TEST, WEBHOOK_SECRET_NAME, new, keep_ms)
            except PowerCut:
                keychain.writes_left = None
                credentials = Credentials(keychain, clock)
                found = set(credentials.webhook_secrets(TEST))
                assert before <= found or new in found, "After a crash, no secret works."
                assert found <= book.accepted(clock.ms) | after.accepted(clock.ms)
                book = _as_kept(keychain)
            else:
                keychain.writes_left = None
                book = after
        assert set(credentials.webhook_secrets(TEST)) == book.accepted(clock.ms)


def _as_kept(keychain: Entries) -> Book:
    """Go on from what the crash left."""
    entry, _, until = keychain.kept.get(PREVIOUS_WEBHOOK_SECRET_NAME, "").partition(" until=")
    return Book(keychain.kept.get(WEBHOOK_SECRET_NAME), entry or None, int(until or 0))
