"""Every walk done once, and what there is to hold its requests against."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from bioql_console.domain.errors import OperatorError
from tests.gateway.deeds import DEEDS, WITHIN_A_DAY, Deed
from tests.gateway.lab import Lab, Sent, noting
from tests.gateway.thin_walk import thin_events
from tests.gateway.walks import WALKS
from tests.sandbox.conftest import stripes_schema
from tests.sdk_schema import SdkSchema

__all__ = ["stripes_schema"]


def failing(make: Callable[[Lab], Deed], lab: Lab) -> None:
    """Stripe fails on its side, and repeats that for the same key: what was done is looked for."""
    deed = make(lab)
    lab.control("faults", status=500, method="POST", path=deed.path, kept=True)
    with suppress(OperatorError):
        deed.act()


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lab]]:
    """Every walk, each before a sandbox of its own."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for walk in (*WALKS, thin_events, *(partial(failing, make) for make in (*DEEDS, *WITHIN_A_DAY))):
            lab = Lab(tmp_path_factory.mktemp("walk"))
            made.append(lab)
            with noting(lab, patch):
                try:
                    walk(lab)
                except Exception as error:
                    lab.ended = error  # the others are walked all the same
    yield made
    for lab in made:
        lab.close()


@pytest.fixture(scope="session")
def sent(labs: list[Lab]) -> list[Sent]:
    return [each for lab in labs for each in lab.sent]


@pytest.fixture(scope="session")
def sdk() -> SdkSchema:
    return SdkSchema()
