"""Trouble on demand: a share of the calls fails, the same ones again for the same seed."""

import httpx
import pytest
import stripe

from tests.sandbox.conftest import Running


def statuses(running: Running, number: int = 60) -> list[int]:
    return [running.raw.get("/v1/customers").status_code for _ in range(number)]


def test_a_share_of_the_calls_fails_and_a_seed_repeats_it(running: Running) -> None:
    running.control("faults", status=500, share=0.2, seed=7)
    once = statuses(running)
    running.control("faults", status=None)
    assert set(statuses(running)) == {200}
    running.control("faults", status=500, share=0.2, seed=7)
    assert statuses(running) == once
    assert 4 <= once.count(500) <= 20


def test_several_shares_mix(running: Running) -> None:
    for seed, status in enumerate((429, 500)):
        running.control("faults", status=status, share=0.2, seed=seed)
    assert set(statuses(running)) == {200, 429, 500}
    assert [fault["share"] for fault in running.control_get("faults")["faults"]] == [0.2, 0.2]


def test_a_reset_was_carried_out_and_a_hang_was_not(running: Running) -> None:
    running.control("faults", status="reset", path="/v1/customers", share=1)
    with pytest.raises(httpx.HTTPError):
        running.raw.post("/v1/customers", data={"name": "Reset"})
    running.control("faults", status=None)
    running.control("faults", status="hang", path="/v1/customers", share=1)
    with pytest.raises(httpx.TimeoutException):
        running.raw.post("/v1/customers", data={"name": "Hung"}, timeout=0.2)
    running.control("faults", status=None)
    assert [each.name for each in running.api.customers.list().data] == ["Reset"]


def test_a_failure_is_repeated_for_its_key_when_it_is_kept(running: Running) -> None:
    """As Stripe does: what was answered once is answered again, for a day."""
    running.control("faults", status=500, method="POST", path="/v1/customers", kept=True)
    assert running.api.customers.list().data == []
    options = {"idempotency_key": "k1"}
    with pytest.raises(stripe.APIError) as first:
        running.api.customers.create({"name": "A"}, options)
    with pytest.raises(stripe.APIError) as again:
        running.api.customers.create({"name": "A"}, options)
    assert [error.value.headers.get("Idempotent-Replayed") for error in (first, again)] == [None, "true"]
    running.api.customers.create({"name": "A"}, {"idempotency_key": "k2"})
    running.control("clock", advance_s=86_401)
    running.api.customers.create({"name": "A"}, options)
    assert len(running.api.customers.list().data) == 2


@pytest.mark.parametrize(
    "wrong", [{"share": 0}, {"share": 1.5}, {"share": "half"}, {"status": 429, "kept": True}, {"seed": "x"}]
)
def test_what_is_no_share_is_refused(running: Running, wrong: dict[str, object]) -> None:
    asked = {"status": 500, **wrong}
    assert running.raw.post("/_sandbox/faults", json=asked).status_code == 400
    assert running.control_get("faults")["faults"] == []
