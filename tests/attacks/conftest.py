"""One server for all attacks that it has to survive; looked after before the next comes."""

from collections.abc import Iterator

import pytest

from tests.attacks.target import Target, serving

OFTEN = 100_000


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    limits = {"requests_per_second": OFTEN, "wrong_keys_per_minute": OFTEN, "registrations_per_minute": OFTEN}
    with serving(tmp_path_factory.mktemp("served"), **limits) as target:
        yield target


@pytest.fixture
def target(served: Target) -> Iterator[Target]:
    """A server that is as well after the attack as it was before."""
    yield served
    served.is_well()
