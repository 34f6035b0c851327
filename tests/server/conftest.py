"""A running site for each test of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites import Site, open_site


@pytest.fixture
def site(data_dir: Path) -> Iterator[Site]:
    with open_site(data_dir) as opened:
        yield opened
