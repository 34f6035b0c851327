"""Registering: Stripe first, then user and key together, and never anything twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import UserQuery
from bioql_console.services.registration import EmailTaken, PaymentRefused
from tests.money.world import World


def users(world: World) -> int:
    with world.database.read() as work:
        return work.users.count(UserQuery())


def test_a_card_is_attached_and_made_the_default(world: World) -> None:
    ada = world.register("ada", "pm_card_visa")
    customer = world.sandbox._store.get("customer", ada.stripe_customer_id or "")
    (method,) = world.objects("payment_method", customer=ada.stripe_customer_id)
    assert customer is not None
    assert customer["invoice_settings"]["default_payment_method"] == method["id"]


def test_without_a_card_there_is_a_customer_and_no_subscription(world: World) -> None:
    ada = world.register("ada", None)
    assert ada.stripe_customer_id
    assert ada.stripe_subscription_id is None
    assert world.objects("subscription") == []
    assert ada.balance.available_credit_micros == 10_000_000


def test_a_refused_card_leaves_nobody(world: World) -> None:
    with pytest.raises(PaymentRefused):
        world.register("ada", "pm_card_visa_chargeDeclined")
    assert users(world) == 0
    assert world.objects("customer") == []
    assert world.objects("subscription") == []


@pytest.mark.both_databases
def test_if_the_ledger_fails_the_next_attempt_finds_what_was_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(world.registration, "_store_user", _full_disk)
        with pytest.raises(OperatorError, match="full"):
            world.register("ada", "pm_card_visa")
    assert users(world) == 0
    ada = world.register("ada", "pm_card_visa")
    assert [each["id"] for each in world.objects("customer")] == [ada.stripe_customer_id]
    assert [each["id"] for each in world.objects("subscription")] == [ada.stripe_subscription_id]


def _full_disk(*_args: Any) -> Any:
    raise OperatorError("The disk is full; nothing was changed.", fix="Free some space, then retry.", code="db.full")


@pytest.mark.parametrize("path", ["/v1/customers", "/attach", "/v1/customers/cus_", "/v1/subscriptions"])
def test_if_stripe_breaks_off_half_way_nothing_is_made_twice(world: World, path: str) -> None:
    """Each request is carried out, but its answer gets lost, once."""
    lost = LosesAnswers(world, path)
    try:
        world.register("ada", "pm_card_visa")
    except OperatorError as error:
        assert error.code == "stripe.unreachable"  # noqa: PT017  # either way is fine, as long as it is whole
        assert users(world) == 0
        world.register("ada", "pm_card_visa")
    assert lost.count == 1
    assert users(world) == 1
    assert [len(world.objects(kind)) for kind in ("customer", "subscription", "payment_method")] == [1, 1, 1]


class LosesAnswers:
    """Between the gateway and the sandbox: the first answer to a POST to such a path never arrives."""

    def __init__(self, world: World, path: str) -> None:
        door = world.stripe.gateway().v1._requestor._client
        self._inner, self._path, self.count = door._client(), path, 0
        door._client = lambda: self

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        import stripe

        answer = self._inner.request(method, url, headers, post_data)
        if not self.count and method == "post" and self._path in url:
            self.count += 1
            raise stripe.APIConnectionError("the connection broke")  # type: ignore[no-untyped-call]
        return answer


def test_the_same_address_twice_is_refused_and_makes_no_second_customer(world: World) -> None:
    world.register("ada", "pm_card_visa")
    with pytest.raises(EmailTaken):
        world.registration.register("Other Ada", "ADA@uni.example", "pm_card_visa")
    assert len(world.objects("customer")) == 1


@pytest.mark.both_databases
def test_a_double_click_registers_once(world: World) -> None:
    def attempt(_number: int) -> str:
        try:
            return world.registration.register("Ada", "ada@uni.example", "pm_card_visa").user.email
        except EmailTaken:
            return "taken"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(attempt, range(4)))
    assert answers == ["ada@uni.example", "taken", "taken", "taken"]
    assert [len(world.objects(kind)) for kind in ("customer", "subscription")] == [1, 1]


def test_the_welcome_credit_is_told_apart_from_what_is_owed(world: World) -> None:
    ada = world.register("ada", None)
    balance = world.user(ada.id).balance
    assert (balance.owed_micros, balance.available_credit_micros) == (0, 10_000_000)
    world.usage.record(ada, shots=3, backend="ionq_qpu")
    balance = world.user(ada.id).balance
    assert (balance.owed_micros, balance.available_credit_micros) == (0, 4_000_000)
