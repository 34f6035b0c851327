"""Windows of other processes: ours on a ledger of a million users, and the programs we are measured beside."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from bioql_console.domain.environment import Environment
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.settings import environment_directory
from bioql_console.storage.database import Database, sqlite_url
from tests.bench.big_ledger import LAST_MS, data_dir_of

ROOT = Path(__file__).resolve().parents[2]
# What the installed `bioql-console` script does.
START = "import sys; from bioql_console.__main__ import main; sys.exit(main())"
# Opens our window and does in it what a bench wants to be done there; says what came of it.
INSIDE = """
import importlib, json, sys
from bioql_console.gui import start, start_options
from bioql_console.gui_options import parse
from bioql_console.thread_caches import begin_without

begin_without()

async def script(session):
    inside = importlib.import_module(sys.argv[2]).inside
    print("found", json.dumps(await inside(session)), flush=True)

sys.exit(start(start_options(parse(["gui", "--data-dir", sys.argv[1]]))._replace(script=script)))
"""
PYTHON_PEERS = ("vorta", "onionshare", "electrum")
LEFT_OUT = {"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"}
SHOWN_EVENTS = 50
APPEARS_WITHIN_S = 60.0


@cache
def data_dir() -> Path:
    """A folder with a million users in its Sandbox and a few events, made once for a run of the bench."""
    folder = Path(tempfile.mkdtemp(prefix="bioql-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = data_dir_of(folder)
    ledger = Database(sqlite_url(environment_directory(made, Environment.SANDBOX) / "bioql.db"), lambda: LAST_MS)
    ledger.environment = Environment.SANDBOX
    ledger.open(made / "backups")
    with ledger.write() as work:
        for number in range(SHOWN_EVENTS):
            body = b'{"id": "evt_%d", "object": "event", "data": {"object": {"object": "price"}}}' % number
            work.inbox.add(
                [ReceivedEvent(f"evt_{number}", "price.updated", body, LAST_MS, LAST_MS, EventSource.HTTP, False)]
            )
        work.commit()
    ledger.close()
    (made / "settings.json").write_text('{"environment": "sandbox", "port": 0}', encoding="utf-8")
    return made


def console(*arguments: str) -> list[str]:
    """The command that opens our window on `data_dir`."""
    return [sys.executable, "-c", START, "gui", "--data-dir", str(data_dir()), *arguments]


@contextmanager
def home(platform: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """An environment in which programs write to an empty home, and reach no desktop of ours."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        yield kept | {"HOME": folder, "XDG_RUNTIME_DIR": folder} | dict(platform)


def found_inside(bench: str, env: Mapping[str, str], folder: Path | None = None) -> Any:
    """What a bench's `inside(session)` answers when it runs in our window, on a million users by default."""
    with running([sys.executable, "-c", INSIDE, str(folder or data_dir()), bench], env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("found "):
                return json.loads(line.removeprefix("found "))
    raise RuntimeError(f"our window ended before {bench} was measured in it")


def peer(name: str, env: Mapping[str, str]) -> list[str]:
    """The command of a peer, whose first start in this home is over."""
    if name != "electrum":
        return [name]
    there = ["--offline", "--dir", f"{env['HOME']}/electrum"]
    if not Path(there[-1]).exists():  # without a wallet it would open an assistant
        subprocess.run(["electrum", "create", *there], env=dict(env), check=True, capture_output=True)
    return ["electrum", *there]


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """A program with all that it starts; ended at once afterwards."""
    process = subprocess.Popen(
        command,
        env=dict(env),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("BIOQL_BENCH_LOUD") else subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def memory_mib(leader: int) -> float:
    """What a process and all its children hold in memory."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == leader:
                pages += int((folder / "statm").read_text().split()[1])
        except (OSError, ValueError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
