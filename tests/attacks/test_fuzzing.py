"""Requests that nobody thought of: the same few hundred in each run, and a hundred thousand in `scripts/soak http`."""

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bioql_console.services.signature import sign
from tests.attacks.requests import Pieces, conversations
from tests.attacks.target import Target
from tests.attacks.volleys import Figures, fire


def test_requests_that_nobody_thought_of_are_answered_or_refused(target: Target) -> None:
    figures = Figures()
    secret = target.ready["webhook_secret"]

    # In one process's clock, so that signatures are believed; the rest is the same in each run.
    def signed(body: bytes) -> str:
        return sign(body, secret, target.now_ms())

    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(conversations(signed), min_size=4, max_size=10))
    def attack(batch: list[tuple[int, Pieces]]) -> None:
        fire(target, batch, figures)
        assert figures.failures == []

    attack()
    assert figures.requests > 500
    assert {200, 400, 401, 404} <= set(figures.statuses)
