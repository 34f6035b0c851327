"""One window or server at a time on a data folder, however the one before it ended."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.services.instance_lock import InstanceLock

HOLDER = """
import subprocess, sys
from pathlib import Path
from bioql_console.services.instance_lock import InstanceLock
with InstanceLock(Path(sys.argv[1]), "serve"):
    if "with-helper" in sys.argv:
        helper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        print(helper.pid, flush=True)
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(data_dir: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Another console that has the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert "held\n" in iter(process.stdout.readline, "")
        yield process
    finally:
        process.kill()
        process.wait(5)
        process.stdin.close()
        process.stdout.close()


def refusal(data_dir: Path) -> OperatorError:
    with pytest.raises(OperatorError) as refused:
        InstanceLock(data_dir, "window").acquire()
    assert refused.value.code == "instance.running"
    return refused.value


@pytest.mark.fault(
    "Processes",
    "a second console or server on one data folder",
    "It is refused, naming the first with its process, host and start.",
    figure="1 of 2 let in",
)
def test_second_console_is_told_who_was_first(data_dir: Path) -> None:
    with holder(data_dir) as first:
        error = refusal(data_dir)
        assert f"Another serve (process {first.pid} on {socket.gethostname()}, since 20" in error.what
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d\)", error.what)
        assert "--data-dir" in error.fix


def test_console_that_ended_leaves_the_folder_free(data_dir: Path) -> None:
    with holder(data_dir) as first:
        assert first.stdin is not None
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.wait(5) == 0
    assert not (data_dir / "console.lock.json").exists()
    with InstanceLock(data_dir, "window"):
        pass


@pytest.mark.fault(
    "Processes",
    "the first console was killed",
    "Its data folder is free at once.",
    figure="1 kill, free at once",
)
def test_console_that_was_killed_leaves_the_folder_free(data_dir: Path) -> None:
    with holder(data_dir) as first:
        first.kill()
        first.wait(5)
        assert json.loads((data_dir / "console.lock.json").read_text())["pid"] == first.pid
        with InstanceLock(data_dir, "window"):
            assert json.loads((data_dir / "console.lock.json").read_text())["pid"] == os.getpid()


@pytest.mark.fault(
    "Processes",
    "a child outlives the killed console",
    "The data folder is free all the same.",
    figure="1 kill, free at once",
)
def test_server_that_outlives_a_killed_console_does_not_hold_its_folder(data_dir: Path) -> None:
    with holder(data_dir, "with-helper") as first:
        first.kill()
        first.wait(5)
        with InstanceLock(data_dir, "window"):
            pass


def test_same_process_can_not_have_it_twice(data_dir: Path) -> None:
    with InstanceLock(data_dir, "window"):
        assert f"process {os.getpid()}" in refusal(data_dir).what


def test_folders_are_apart(data_dir: Path, tmp_path: Path) -> None:
    with InstanceLock(data_dir, "window"), InstanceLock(tmp_path, "window"):
        pass


def test_it_may_be_freed_on_another_thread_than_it_was_taken_on(data_dir: Path) -> None:
    lock = InstanceLock(data_dir, "window")
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    refusal(data_dir)
    lock.release()
    with InstanceLock(data_dir, "window"):
        pass


def test_releasing_what_was_never_held_takes_nothing_from_the_holder(data_dir: Path) -> None:
    with holder(data_dir):
        InstanceLock(data_dir, "window").release()
        assert "process" in refusal(data_dir).what


@pytest.mark.parametrize("note", ["", "{", "[]", "{}", '{"what": "w", "pid": 1, "host": "h", "since": 1e300}', "\0\0"])
def test_broken_note_does_not_hide_that_somebody_is_there(data_dir: Path, note: str) -> None:
    with holder(data_dir):
        (data_dir / "console.lock.json").write_text(note)
        assert refusal(data_dir).what == "Another window or server is using this data folder already."


def test_note_that_can_not_be_written_keeps_nobody_out(data_dir: Path) -> None:
    (data_dir / "console.lock.json").mkdir()
    with InstanceLock(data_dir, "window"):
        assert refusal(data_dir).what.startswith("Another window or server")


def test_its_files_are_private(data_dir: Path) -> None:
    with InstanceLock(data_dir, "window"):
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in data_dir.iterdir()}
    assert modes == {"console.lock": "0o600", "console.lock.json": "0o600"}
