"""Keys are proven before they are stored, what they may do is found out, and a ledger stays with its account."""

import json

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.services.changes import Changes
from bioql_console.services.credentials import Credentials
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.services.key_proof import LedgerBelongs
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.secret_upkeep import SecretUpkeep
from bioql_console.services.secrets import PREVIOUS_OF, PREVIOUS_SECRET_KEY_NAME, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database
from tests.services.key_desks import ALL, HOUR, LIVE, NOW, TEST, Desk, desk, stripe
from tests.services.loopback import free_port

__all__ = ["desk", "stripe"]


# --- proven before stored ---------------------------------------------------------------------------------------------


def test_key_that_stripe_knows_is_stored_and_the_ledger_belongs_to_its_account(desk: Desk) -> None:
    desk.save(desk.made(ALL))
    facts = desk.keys.facts(TEST)
    assert facts is not None
    assert facts.restricted
    assert facts.proven_ms == NOW
    assert str(facts.account) == "BioQL offline · acct_sandbox"
    assert [action for action, _, _ in desk.trail()] == [
        "the TEST ledger belongs to a Stripe account",
        "stored TEST secret key",
    ]


def test_key_that_stripe_does_not_know_is_refused(desk: Desk) -> None:
    assert desk.refused("rk_test_nobodysKey12").code == "stripe.key_refused"
    assert desk.trail() == []
    assert desk.keys.facts(TEST) is None


def test_key_that_was_rolled_is_refused_and_said_to_be_so(desk: Desk) -> None:
    key = desk.made(ALL)
    desk.stripe.control("keys/change", key=key, expired=True)
    error = desk.refused(key)
    assert error.code == "stripe.key_refused"
    assert "expired" in error.what


def test_key_that_may_not_read_its_account_is_not_proven(desk: Desk) -> None:
    error = desk.refused(desk.made({"customer": "write"}))
    assert error.code == "key.account_unreadable"
    assert "Accounts to Read" in error.fix


def test_without_stripe_nothing_is_stored_unless_the_operator_wants_it(desk: Desk) -> None:
    key = desk.made(ALL)
    there, desk.address = desk.address, f"http://127.0.0.1:{free_port()}"
    assert desk.refused(key).code == "stripe.unreachable"
    desk.keys.store(desk.keys.unproven(TEST, key), "ana")
    facts = desk.keys.facts(TEST)
    assert facts is not None
    assert (facts.account, facts.proven_ms) == (None, None)

    # Stripe is back: the first call proves it, before anything else leaves.
    ledger = LedgerBelongs(desk.database, TEST, lambda: NOW + HOUR)
    StripeAccess(TEST, lambda: desk.credentials.stripe_secret_key(TEST), there, ledger.check).gateway()
    facts = desk.keys.facts(TEST)
    assert facts is not None
    assert facts.proven_ms == NOW + HOUR


# --- one ledger, one account ------------------------------------------------------------------------------------------


def test_key_of_another_account_is_refused_with_both_names(desk: Desk) -> None:
    desk.save(desk.made(ALL))
    customer(desk.database)
    error = desk.refused(desk.made(ALL, account="acct_other", account_name="Another lab"))
    assert error.code == "key.other_account"
    assert "Another lab · acct_other" in error.what
    assert "BioQL offline · acct_sandbox" in error.what
    assert "customers" in error.fix


def test_account_can_be_changed_on_purpose_while_the_ledger_holds_nothing_of_it(desk: Desk) -> None:
    desk.save(desk.made(ALL))
    other = desk.made(ALL, account="acct_other", account_name="Another lab")
    assert desk.refused(other).code == "key.account_change"
    desk.save(other, change=True)
    facts = desk.keys.facts(TEST)
    assert facts is not None
    assert str(facts.account) == "Another lab · acct_other"
    assert ("the TEST ledger belongs to a Stripe account", "BioQL offline · acct_sandbox", str(facts.account)) in (
        desk.trail()
    )


def test_stored_key_of_another_account_sends_nothing(desk: Desk) -> None:
    """It came into the keychain past the console: by hand, or with a copied home folder."""
    desk.save(desk.made(ALL))
    customer(desk.database)
    other = desk.made(ALL, account="acct_other")
    ledger = LedgerBelongs(desk.database, TEST, lambda: NOW)
    access = StripeAccess(TEST, lambda: other, desk.address, ledger.check)
    for _ in range(2):
        with pytest.raises(OperatorError) as refused:
            access.gateway()
        assert refused.value.code == "key.other_account"


def test_test_and_live_in_one_database_have_accounts_of_their_own(desk: Desk) -> None:
    desk.save(desk.made(ALL))
    desk.save(desk.made(ALL, account="acct_other", account_name="Another lab", live=True), LIVE)
    test, live = desk.keys.facts(TEST), desk.keys.facts(LIVE)
    assert test is not None
    assert live is not None
    assert [str(test.account), str(live.account)] == ["BioQL offline · acct_sandbox", "Another lab · acct_other"]


def customer(database: Database) -> None:
    """A user with a Stripe customer."""
    with database.write() as work:
        work.users.add(NewUser("ada", "ada@uni.example", ApiKey.of("bioql_of_ada_01"), NOW, stripe_customer_id="cus_1"))
        work.commit()


# --- replaced ---------------------------------------------------------------------------------------------------------


def test_key_is_replaced_by_one_that_was_compared_with_it(desk: Desk) -> None:
    old, weaker = desk.made(ALL), desk.made({**ALL, "charge": "read"})
    desk.save(old)
    new = desk.keys.prove(TEST, weaker)
    assert [str(permission) for permission in new.loses] == ["Charges and Refunds: Write"]
    desk.keys.store(new, "ana", keep_ms=HOUR)
    assert desk.credentials.stripe_secret_key(TEST) == weaker
    action, before, after = desk.trail()[-1]
    assert action == "rotated TEST secret key"
    assert (old[-4:] in before, weaker[-4:] in after) == (True, True)
    assert old not in repr(desk.trail())

    assert not desk.keys.old_key_is_dead(TEST, "ana"), "Stripe still takes it."
    assert desk.credentials.summary(TEST, PREVIOUS_SECRET_KEY_NAME) is not None
    desk.stripe.control("keys/change", key=old, expired=True)
    assert desk.keys.old_key_is_dead(TEST, "ana")
    assert desk.credentials.summary(TEST, PREVIOUS_SECRET_KEY_NAME) is None
    assert desk.trail()[-1][0] == "removed the replaced TEST secret key"


def test_signing_secret_is_rotated_by_fingerprint_in_the_trail(desk: Desk) -> None:
    desk.keys.store_webhook_secret(TEST, "whsec_first", "ana")
    old = desk.credentials.summary(TEST, WEBHOOK_SECRET_NAME)
    new = desk.keys.store_webhook_secret(TEST, "whsec_second", "ana", keep_ms=HOUR)
    assert desk.credentials.webhook_secrets(TEST) == ["whsec_second", "whsec_first"]
    assert desk.trail()[-1] == ("rotated TEST webhook signing secret", str(old), str(new))
    assert "whsec_first" not in repr(desk.trail())


def test_replaced_secret_is_removed_on_time_and_the_trail_says_so(desk: Desk) -> None:
    clock = [NOW]
    credentials = desk.credentials = Credentials(KeychainSecrets(), lambda: clock[0])
    desk.keys.store_webhook_secret(TEST, "whsec_first", "ana")
    old = credentials.summary(TEST, WEBHOOK_SECRET_NAME)
    desk.keys.store_webhook_secret(TEST, "whsec_second", "ana", keep_ms=HOUR)
    heard = []
    changes = Changes()
    changes.subscribe(lambda change: heard.append(change.topic))
    upkeep = SecretUpkeep(credentials, TEST, desk.database, changes)
    upkeep.look()
    assert credentials.webhook_secrets(TEST) == ["whsec_second", "whsec_first"]
    clock[0] += HOUR
    upkeep.look()
    upkeep.look()
    assert credentials.summary(TEST, PREVIOUS_OF[WEBHOOK_SECRET_NAME]) is None
    assert desk.trail()[-1] == ("removed a replaced TEST secret", str(old), "")
    assert heard == ["credentials"]


@pytest.mark.fault(
    "Events",
    "an event of another Stripe account",
    "It is kept in quarantine, naming the account that the ledger belongs to.",
    figure="1 event, 0 applied",
)
def test_event_of_another_account_is_put_aside(desk: Desk) -> None:
    desk.save(desk.made(ALL))
    body = {"id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1, "livemode": False}
    text = json.dumps({**body, "account": "acct_other", "data": {"object": {}}}).encode()
    with desk.database.write() as work:
        work.inbox.add([parse(text, "", EventSource.HTTP, NOW)])
        work.commit()
    assert EventApplier(desk.database, TEST, Changes(), lambda: NOW).apply_waiting() == 1
    with desk.database.read() as work:
        assert work.inbox.counts() == {EventState.QUARANTINED: 1}


def test_nothing_that_holds_a_key_shows_it(desk: Desk) -> None:
    key = desk.made(ALL)
    desk.save(key)
    new = desk.keys.prove(TEST, key)
    assert key not in f"{new!r} {new} {desk.keys.facts(TEST)!r} {desk.credentials!r}"
    assert desk.credentials.summary(TEST, SECRET_KEY_NAME) is not None
