"""What a key may do at Stripe is found out by questions that can't do anything."""

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.key_capabilities import CAPABILITIES, Verdict, capabilities
from bioql_console.services.key_permissions import NONE_SUCH, PROBES, Answer, KeyReach, advice, explore, needed
from bioql_console.services.stripe_catalog import CALLS, Access, KeyPermission, Resource
from bioql_console.services.stripe_gateway import StripeGateway
from tests.services.key_desks import ALL, LIVE, TEST, Desk, desk, stripe

__all__ = ["desk", "stripe"]


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
    assert [each.title for each in found.values() if each.lacking] == [
        "Set up meter and price",
        "Repair meter and price",
        "Refund",
    ]


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


def test_asking_tells_how_far_it_is_and_stops_when_asked_to(desk: Desk) -> None:
    told: list[tuple[int, int]] = []
    gateway = StripeGateway(desk.made(ALL), TEST, base=desk.address)
    explore(gateway, restricted=True, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 30) for done in range(1, 31)]
    del told[:]
    with pytest.raises(OperatorError, match="was stopped"):
        explore(
            gateway,
            restricted=True,
            progress=lambda done, of: told.append((done, of)),
            stopped=lambda: len(told) >= 3,
        )
    assert 3 <= len(told) < 30


def test_every_call_belongs_to_something_that_operators_do() -> None:
    named = {method for methods in CAPABILITIES.values() for method in methods}
    assert {call.path for call in CALLS if not named & set(call.used_by)} == set()
    assert named <= {method for call in CALLS for method in call.used_by}
    probed = {probe[0] for probe in PROBES}
    assert {call.permission for call in CALLS} <= probed
