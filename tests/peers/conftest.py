"""Stripe's own programs and a real `serve`, in a network that has nothing but loopback.

Outside of it, these hooks run the folder's tests in a child inside and pass on what it reported.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import apart
from tests.peers.programs import CommandLine, Serve, make_demo, node_missing, sandbox_server
from tests.sandbox.conftest import serving
from tests.stripe_cli import stripe_cli_missing

HERE = Path(__file__).parent
CHILD = pytest.StashKey[apart.Child]()


def _ours(item: pytest.Item) -> bool:
    return item.path.is_relative_to(HERE)


def pytest_configure(config: pytest.Config) -> None:
    if apart.is_apart():
        apart.loopback_up()
        config.pluginmanager.register(Writer(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if apart.is_apart():
        return
    for item in filter(_ours, items):
        item.add_marker(pytest.mark.timeout(apart.TIMEOUT_S))
        if not apart.way_apart():
            item.add_marker(pytest.mark.skip(reason="unshare is missing, or may not make a network of its own"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Outside: what the child said of this test. The first one asked for runs them all."""
    if apart.is_apart() or not _ours(item) or not apart.way_apart():
        return None
    config, hook = item.config, item.ihook
    if CHILD not in config.stash:
        names = [each.nodeid for each in item.session.items if _ours(each)]
        config.stash[CHILD] = apart.Child(names, config._tmp_path_factory.mktemp("apart"))  # type: ignore[attr-defined]
    child = config.stash[CHILD]
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for data in child.reports.get(item.nodeid) or [_unheard(item, child)]:
        hook.pytest_runtest_logreport(report=config.hook.pytest_report_from_serializable(config=config, data=data))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _unheard(item: pytest.Item, child: apart.Child) -> dict[str, Any]:
    """A failure for a test of which the child said nothing, e.g. because it could not start."""
    return {
        "$report_type": "TestReport",
        "nodeid": item.nodeid,
        "location": item.location,
        "keywords": {},
        "outcome": "failed",
        "longrepr": f"The child in the private network did not run it:\n{child.said}",
        "when": "call",
        "sections": [],
        "duration": 0,
        "start": 0,
        "stop": 0,
    }


class Writer:
    """Inside: writes each report down for who started us."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with open(os.environ[apart.REPORTS], "a", encoding="utf-8") as file:
            file.write(json.dumps(data, default=str) + "\n")


@pytest.fixture(scope="session")
def cli_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command line keeps its own settings: not in anybody's home."""
    return tmp_path_factory.mktemp("stripe-cli")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, cli_home: Path) -> Iterator[Serve]:
    """A `serve` of the sandbox that knows the command line's signing secret, as an operator sets it up."""
    if reason := stripe_cli_missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("served")
    make_demo(folder)
    with serving(folder / "data/sandbox/stripe.db") as alone:  # the secret is the file's, whoever serves it
        asking = CommandLine(alone.url, alone.sandbox.secret_key, cli_home)
        secret = asking.run("listen", "--print-secret").strip()
    with sandbox_server(folder, secret) as made:
        yield made


@pytest.fixture
def cli(server: Serve, cli_home: Path) -> CommandLine:
    return CommandLine(server.ready["stripe_base"], server.ready["stripe_secret_key"], cli_home)


@pytest.fixture
def node() -> str:
    """Node.js with stripe-node."""
    if reason := node_missing():
        pytest.skip(reason)
    return "node"
