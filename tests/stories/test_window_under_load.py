"""Twelve seconds of `scripts/soak window`: the real window and server under webhooks, while Stripe fails."""

import asyncio
from pathlib import Path

import pytest

from tests.soak.window import soak


@pytest.mark.keychain
@pytest.mark.timeout(300)
@pytest.mark.fault(
    "Stripe",
    "Fifty webhooks a second, each twice and in disorder, beside wrong signatures, while Stripe answers a part of all "
    "calls with 429, 500 or not at all",
    "The window goes on; every event is stored once and every cent is where it belongs; files, threads and widgets "
    "do not grow.",
    figure="12 s in each run; an hour is `scripts/soak window`",
)
def test_the_window_under_load_for_a_moment(tmp_path: Path) -> None:
    record = asyncio.run(soak(tmp_path, 12 / 60, 30.0, customers=20))
    money = [wrong for wrong in record.wrongs if " grew " not in wrong]  # so short a run still warms up
    assert money == []
    assert record.samples[-1]["waits_for_others_ms"] <= 1  # decision 25
