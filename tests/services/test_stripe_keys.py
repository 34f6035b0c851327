"""Keys are proven before they are stored, what they may do is found out, and a ledger stays with its account."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import ActivityQuery
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.services.changes import Changes
from bioql_console.services.credentials import Credentials
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.services.key_capabilities import CAPABILITIES, Verdict, capabilities
from bioql_console.services.key_permissions import NONE_SUCH, PROBES, Answer, KeyReach, advice, explore, needed
from bioql_console.services.key_proof import LedgerBelongs, StripeDoor
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.secret_upkeep import SecretUpkeep
from bioql_console.services.secrets import PREVIOUS_OF, PREVIOUS_SECRET_KEY_NAME, SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_catalog import CALLS, Access, KeyPermission, Resource
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_keys import StripeKeys
from bioql_console.storage.database import Database, sqlite_url
from tests.sandbox.conftest import Running, serving
from tests.services.loopback import free_port

TEST, LIVE = Environment.TEST, Environment.LIVE
NOW, HOUR = 1_790_000_000_000, 3_600_000
ALL = {permission.resource.slug: permission.access.value.lower() for permission in needed()}


@dataclass
class Desk:
    """A ledger, a sandbox that plays Stripe, and what an operator does with keys."""

    stripe: Running
    database: Database
    credentials: Credentials
    address: str

    @property
    def keys(self) -> StripeKeys:
        @contextmanager
        def ledger(environment: Environment) -> Iterator[LedgerBelongs]:
            yield LedgerBelongs(self.database, environment, lambda: NOW)

        return StripeKeys(self.credentials, StripeDoor(lambda _environment: self.address), ledger, lambda: NOW)

    def made(self, permissions: dict[str, str] | None = None, **more: Any) -> str:
        return str(self.stripe.control("keys", permissions=permissions, **more)["key"])

    def save(self, key: str, environment: Environment = TEST, **how: Any) -> None:
        self.keys.store(self.keys.prove(environment, key), "ana", **how)

    def refused(self, key: str, environment: Environment = TEST) -> OperatorError:
        """The reason, after a look that nothing is stored."""
        before = self.credentials.stripe_secret_key(environment)
        with pytest.raises(OperatorError) as refused:
            self.save(key, environment)
        assert self.credentials.stripe_secret_key(environment) == before
        assert key not in refused.value.sentence() + repr(refused.value)
        return refused.value

    def trail(self) -> list[tuple[str, str, str]]:
        with self.database.read() as work:
            rows = work.activity.page(ActivityQuery(), None, 50).rows
        return [(row.action, row.before, row.after) for row in reversed(rows)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database(sqlite_url(tmp_path / "bioql.db"), lambda: NOW)
    database.open(tmp_path / "backups")
    with serving(tmp_path / "stripe.db") as running:
        yield Desk(running, database, Credentials(KeychainSecrets(), lambda: NOW), running.url)
    database.close()


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


# --- what a key may do ------------------------------------------------------------------------------------------------


def reach_of(desk: Desk, permissions: dict[str, str], environment: Environment = TEST) -> KeyReach:
    key = desk.made(permissions, live=environment is LIVE)
    return explore(StripeGateway(key, environment, base=desk.address), restricted=True)


def test_key_with_what_is_advised_can_do_everything(desk: Desk) -> None:
    before = desk.stripe.event_types()
    found = capabilities(reach_of(desk, ALL))
    assert {each.title: each.verdict for each in found} == dict.fromkeys(CAPABILITIES, Verdict.WORKS)
    assert desk.stripe.event_types() == before, "Asking changed something."
    assert advice().splitlines() == [str(permission) for permission in needed()]


@pytest.mark.parametrize("level", ["read", "write"])
def test_each_permission_is_found_by_its_own_question(desk: Desk, level: str) -> None:
    """Keys that differ in every two permissions: each bit of a permission's number decides over one key."""
    slugs = sorted(ALL)
    for bit in range(len(slugs).bit_length()):
        given = {slug: level for number, slug in enumerate(slugs) if number >> bit & 1}
        reach = reach_of(desk, given)
        for permission in (probe[0] for probe in PROBES):
            allowed = permission.resource.slug in given and (level == "write" or permission.access is Access.READ)
            assert reach.of(permission) is (Answer.YES if allowed else Answer.NO), permission


def test_no_question_can_do_anything() -> None:
    """Each write is about something that can't exist, or lacks all that it would need."""
    for permission, method, path, params in PROBES:
        if permission.access is Access.READ:
            assert method == "get"
        else:
            assert NONE_SUCH in f"{path} {params}" or (params == {} and path.startswith("/v1/billing/meter_event"))


def test_cure_names_what_to_set(desk: Desk) -> None:
    found = {each.title: each for each in capabilities(reach_of(desk, {**ALL, "charge": "read", "plan": "read"}))}
    assert found["Refund"].verdict is Verdict.LACKS
    assert found["Refund"].cure == "Set Charges and Refunds to Write on Stripe's API keys page."
    assert found["Set up meter and price"].cure == "Set Prices to Write on Stripe's API keys page."
    assert [each.title for each in found.values() if each.lacking] == ["Set up meter and price", "Refund"]


def test_in_live_writes_are_not_tried_and_said_to_be_unknown(desk: Desk) -> None:
    reach = reach_of(desk, ALL, LIVE)
    verdicts = {each.title: each.verdict for each in capabilities(reach)}
    assert verdicts["Refund"] is Verdict.LOCKED
    assert verdicts["Fetch missed events"] is Verdict.WORKS


def test_in_live_who_may_not_read_is_known_not_to_write(desk: Desk) -> None:
    without = {name: level for name, level in ALL.items() if name != "customer"}
    assert reach_of(desk, without, LIVE).of(KeyPermission(Resource.CUSTOMERS, Access.WRITE)) is Answer.NO


def test_what_a_key_may_read_without_need_is_named(desk: Desk) -> None:
    assert reach_of(desk, ALL).needless == ()
    assert explore(StripeGateway(desk.made(), TEST, base=desk.address), restricted=False).needless


def test_every_call_belongs_to_something_that_operators_do() -> None:
    named = {method for methods in CAPABILITIES.values() for method in methods}
    assert {call.path for call in CALLS if not named & set(call.used_by)} == set()
    assert named <= {method for call in CALLS for method in call.used_by}
    probed = {probe[0] for probe in PROBES}
    assert {call.permission for call in CALLS} <= probed


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
