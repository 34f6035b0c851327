"""Every walk done once, and what there is to hold its requests against."""

from collections.abc import Iterator

import pytest

from tests.gateway.lab import Lab, Sent, noting
from tests.gateway.walks import WALKS
from tests.sandbox.conftest import stripes_schema
from tests.sdk_schema import SdkSchema

__all__ = ["stripes_schema"]


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lab]]:
    """Every walk, each before a sandbox of its own."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for walk in WALKS:
            lab = Lab(tmp_path_factory.mktemp(walk.__name__))
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
