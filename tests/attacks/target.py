"""A real `serve` as an attacker meets it: an address, and nothing else; and what its operator would see meanwhile."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bioql_console.demo_data import fill_data_dir
from bioql_console.settings import Settings, save
from tests.sources import ROOT
from tests.waiting import wait_until

SECONDS = 40.0
HOST = b"Host: 127.0.0.1\r\n"
GOOD = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request with a body, with its length."""
    lines = "".join(f"{line}\r\n" for line in headers).encode()
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n%s\r\n" % (path.encode(), HOST, len(body), lines) + body


def get(path: str, *headers: str) -> bytes:
    return b"GET %s HTTP/1.1\r\n%s%s\r\n" % (path.encode(), HOST, "".join(f"{line}\r\n" for line in headers).encode())


@dataclass(frozen=True)
class Answers:
    """Everything that came back on one connection."""

    statuses: tuple[int, ...]
    ended: bool
    text: str

    @property
    def status(self) -> int:
        """That of the only answer."""
        (status,) = self.statuses
        return status


class Target:
    """A server to attack."""

    def __init__(self, url: str, data_dir: Path, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.url = url
        self.data_dir = data_dir
        self.process = process
        self.ready = ready
        server = urlsplit(url)
        self.place = (server.hostname or "", server.port or 0)

    def connect(self, timeout: float = SECONDS) -> socket.socket:
        return socket.create_connection(self.place, timeout=timeout)

    def ask(self, *pieces: bytes, answers: int = 1) -> Answers:
        """Send the pieces, and read until the other side ends or has answered so often."""
        with self.connect() as wire:
            for piece in pieces:
                try:
                    wire.sendall(piece)
                except OSError:  # it has had enough
                    break
            return heard(wire, answers)

    def now_ms(self) -> int:
        """By the clock that the server goes by."""
        return time.time_ns() // 1_000_000

    def log(self) -> str:
        """What the operator's log says."""
        return (self.data_dir / "logs/console.log").read_text()

    def memory_kib(self) -> int:
        """What it takes of the machine's memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1])

    def is_well(self) -> None:
        """It serves, and nothing that happened was a mistake of ours."""
        assert self.process.poll() is None
        assert self.ask(GOOD).status == 200
        log = self.log()
        assert "Traceback" not in log
        assert " ERROR " not in log
        dated = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING) [\w.]+: ")
        assert [line for line in log.splitlines() if not dated.match(line)] == []


def heard(wire: socket.socket, answers: int = 1) -> Answers:
    """Read until the other side ends, or `answers` complete ones are there."""
    found, ended = b"", False
    while not ended and not complete(found, answers):
        try:
            piece = wire.recv(65_536)
        except ConnectionError:
            piece = b""
        found, ended = found + piece, not piece
    return Answers(tuple(map(int, STATUS.findall(found))), ended, found.decode("latin-1"))


def complete(found: bytes, answers: int) -> bool:
    """Whether the last of so many answers is there as a whole. Ours always say their length."""
    heads = list(STATUS.finditer(found))
    if len(heads) < answers:
        return False
    length = re.search(rb"content-length: (\d+)", heads[-1][0])
    return len(found) - heads[-1].end() >= (int(length[1]) if length else 0)


@contextmanager
def serving(folder: Path, *before: str, users: int = 3, **settings: Any) -> Iterator[Target]:
    """A `serve` of its own, ended afterwards.

    Args:
        before: Words before its command, such as those that limit it.
    """
    data_dir, ready = folder / "data", folder / "ready.json"
    data_dir.mkdir(mode=0o700)
    save(replace(Settings(), **settings), data_dir)
    fill_data_dir(data_dir, users, seed=1)
    words = ("serve", "--env", "sandbox", "--port", "0", "--data-dir", str(data_dir), "--ready-file", str(ready))
    with (folder / "said").open("wb") as said:
        command = [*before, sys.executable, "-m", "bioql_console", *words]
        process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=said, stderr=said)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, SECONDS)
        assert process.poll() is None, (folder / "said").read_text()
        found = json.loads(ready.read_text())
        yield Target(found["url"], data_dir, process, found)
    finally:
        process.terminate()
        process.wait(SECONDS)
