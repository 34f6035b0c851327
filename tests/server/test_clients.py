"""Deployed clients: each request as they send it, over TCP, and each answer as they read it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bioql_console.demo_data import fill_data_dir
from bioql_console.settings import Settings, save
from tests.server.recordings import DEV_SAYS, OTHERS_SAY, PAGE_SAYS, SDK_SAYS
from tests.server.wire import BROWSER_ASKS, PAGE, Exchange, fits, money
from tests.sites import Site, open_site
from tests.waiting import wait_until

EVERYTHING = [*SDK_SAYS, *PAGE_SAYS, *OTHERS_SAY, *DEV_SAYS]


@pytest.fixture
def site(data_dir: Path) -> Iterator[Site]:
    with open_site(data_dir, allowed_origins=(PAGE,)) as opened:
        yield opened


def told(url: str, exchange: Exchange) -> tuple[HTTPResponse, bytes]:
    """Send the bytes and read the answer."""
    server = urlsplit(url)
    with socket.create_connection((server.hostname, server.port), timeout=10) as wire:
        wire.sendall(exchange.request(server.netloc))
        answer = HTTPResponse(wire)
        answer.begin()
        return answer, answer.read()


def check(url: str, exchange: Exchange) -> None:
    answer, body = told(url, exchange)
    found = json.loads(body, parse_float=Decimal)
    assert answer.status == exchange.status, f"{exchange.what}: {found}"
    assert answer.headers["Content-Type"] == "application/json"
    assert fits(found, exchange.answer), f"{exchange.what}: {found}"
    if f"Origin: {PAGE}" in exchange.head:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize("exchanges", [SDK_SAYS, PAGE_SAYS, OTHERS_SAY, DEV_SAYS], ids=["sdk", "page", "others", "dev"])
def test_what_clients_send_is_answered_as_they_read_it(site: Site, exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        check(site.url, exchange)
    site.books_balance()


def test_what_the_server_charges_is_what_it_prices_and_not_what_clients_say(site: Site) -> None:
    for exchange in SDK_SAYS:
        check(site.url, exchange)
    assert site.owed() == 350 + 300 + 1


def test_a_browser_asks_before_it_sends(site: Site) -> None:
    for exchange in PAGE_SAYS:
        answer, _ = told(site.url, replace(exchange, head=BROWSER_ASKS, body=""))
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_one_connection_serves_many_requests(site: Site) -> None:
    server = urlsplit(site.url)
    with socket.create_connection((server.hostname, server.port), timeout=10) as wire:
        for exchange in SDK_SAYS[:3]:
            wire.sendall(exchange.request(server.netloc))
            answer = HTTPResponse(wire)
            answer.begin()
            assert answer.status == exchange.status
            answer.read()


@pytest.mark.parametrize("value", ["true", '"1.00"', "1.005", "null", "[1]", "1e-3"])
def test_the_check_itself_knows_what_no_money_is(value: str) -> None:
    assert not money(json.loads(value, parse_float=Decimal))


def test_the_same_from_a_server_that_runs_by_itself(data_dir: Path, tmp_path: Path) -> None:
    save(replace(Settings(), allowed_origins=(PAGE,)), data_dir)
    fill_data_dir(data_dir, 3, seed=1)
    ready = tmp_path / "ready.json"
    command = (sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0")
    options = ("--data-dir", str(data_dir), "--ready-file", str(ready))
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        url = json.loads(ready.read_text())["url"]
        for exchange in EVERYTHING:
            check(url, exchange)
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
