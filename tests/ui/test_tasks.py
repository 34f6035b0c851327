"""Reading can be dropped, writing can't; failures are said, bugs are reported."""

import asyncio
from collections.abc import Callable
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.ui.tasks import LatestTask, OneAtATime

BUSY = OperatorError("It is busy.", fix="Wait.", code="test.busy")


async def test_a_later_question_drops_the_earlier_one(until: Callable[..., Any]) -> None:
    answers: list[str] = []
    gate = asyncio.Event()

    async def ask(answer: str) -> None:
        await gate.wait()
        answers.append(answer)

    task = LatestTask()
    task.start(ask, "first")
    await asyncio.sleep(0)
    task.start(ask, "second")
    gate.set()
    await until(lambda: answers)
    assert answers == ["second"]
    assert not task.running


async def test_a_second_write_is_refused_while_one_is_under_way(until: Callable[..., Any]) -> None:
    gate, done = asyncio.Event(), []

    async def write() -> None:
        await gate.wait()
        done.append(1)

    task = OneAtATime()
    assert task.start(write)
    assert not task.start(write)
    gate.set()
    await until(lambda: not task.running)
    assert done == [1]
    assert task.start(write)
    await until(lambda: len(done) == 2)


async def test_failures_are_told_and_running_ends_first(until: Callable[..., Any]) -> None:
    seen: list[object] = []

    async def fail() -> None:
        raise BUSY

    task = LatestTask()
    task.running_changed.connect(seen.append)
    task.failed.connect(seen.append)
    task.start(fail)
    await until(lambda: BUSY in seen)
    assert seen == [True, False, BUSY]


async def test_a_closed_task_says_nothing(until: Callable[..., Any]) -> None:
    seen: list[object] = []
    gate = asyncio.Event()

    async def fail() -> None:
        await gate.wait()
        raise BUSY

    task = LatestTask()
    task.failed.connect(seen.append)
    task.start(fail)
    await asyncio.sleep(0)
    task.close()
    gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == []


async def test_a_bug_reaches_the_loop_at_once(qloop: Any, until: Callable[..., Any]) -> None:
    bugs: list[Any] = []
    qloop.set_exception_handler(lambda _loop, context: bugs.append(context["exception"]))

    async def stumble() -> None:
        raise ZeroDivisionError

    LatestTask().start(stumble)
    await until(lambda: bugs)
    assert isinstance(bugs[0], ZeroDivisionError)
