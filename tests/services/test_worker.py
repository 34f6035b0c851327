"""Threads for work that blocks: in order, with its answer or failure, and never in the way of the end."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from bioql_console.services.worker import DeadlineExceeded, Worker, call_with_deadline


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("test")
    yield made
    made.close()


async def test_answers_and_failures_come_back_to_the_one_who_asked(worker: Worker) -> None:
    assert await worker.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 7, 0)
    assert await worker.run(lambda *, word: word, word="by name") == "by name"


async def test_work_is_done_elsewhere_and_one_after_another(worker: Worker) -> None:
    threads = await asyncio.gather(*(worker.run(threading.get_ident) for _ in range(20)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_loop_goes_on_while_the_work_blocks(worker: Worker) -> None:
    go = threading.Event()
    waiting = asyncio.ensure_future(worker.run(go.wait, 5))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    go.set()
    assert await waiting is True


async def test_who_stops_waiting_does_not_stop_the_work(worker: Worker) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go.wait(5)
        done.set()

    waiting = asyncio.ensure_future(worker.run(work))
    await asyncio.get_running_loop().run_in_executor(None, begun.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await worker.run(done.wait, 5)


def test_closing_waits_for_what_has_begun_and_drops_the_rest() -> None:
    worker = Worker("test")
    begun, go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        assert go.wait(5)
        done.append("first")

    worker.submit(work)
    dropped = worker.submit(done.append, "second")
    assert begun.wait(5)
    threading.Timer(0.05, go.set).start()
    worker.close()
    assert done == ["first"]
    assert dropped.cancelled()


async def test_who_asks_after_the_end_is_cancelled_and_reports_no_bug(worker: Worker) -> None:
    worker.close()
    with pytest.raises(asyncio.CancelledError):
        await worker.run(divmod, 7, 2)


def test_call_in_time_gives_its_answer_or_failure() -> None:
    assert call_with_deadline(lambda: 7, 5, "test") == 7
    with pytest.raises(LookupError):
        call_with_deadline(lambda: {}["missing"], 5, "test")
    with pytest.raises(TimeoutError, match="its own"):
        call_with_deadline(lambda: _fail(TimeoutError("its own")), 5, "test")


def _fail(error: Exception) -> None:
    raise error


def test_call_that_hangs_costs_the_deadline_and_no_more() -> None:
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="keychain"):
        call_with_deadline(lambda: release.wait(10), 0.1, "keychain")
    assert 0.1 <= time.monotonic() - started < 2
    release.set()


HANGING = """
import threading
from bioql_console.services.worker import DeadlineExceeded, call_with_deadline
try:
    call_with_deadline(threading.Event().wait, 0.05, "hangs for good")
except DeadlineExceeded:
    print("went on")
"""


@pytest.mark.fault(
    "Processes",
    "a call never comes back",
    "The program ends all the same.",
    figure="ends within 10 s",
)
def test_call_that_hangs_for_good_does_not_keep_the_program_from_ending() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == "went on\n"
