"""A desk with Ada, who has a card and a subscription, and owes $350.00; and Bo, who has neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.users import User
from tests.reconciliation.desks import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ada(desk: Desk) -> User:
    ada = desk.world.register("ada", "pm_card_visa")
    desk.uses(ada, 36_000)
    return ada


@pytest.fixture
def bo(desk: Desk) -> User:
    bo = desk.world.register("bo", None)
    desk.uses(bo, 21_000)
    return bo
