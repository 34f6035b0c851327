"""Waiting for something to become true, instead of for time to pass."""

import asyncio
import inspect
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Let the event loop run until `condition()` is true; looks every 5 ms.

    Raises:
        AssertionError: Still false after `timeout` seconds; the message shows the condition's source.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not true after {timeout} s: {_source(condition)}")
        await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """The same for tests without an event loop: other threads and processes go on meanwhile."""
    asyncio.run(until(condition, timeout))


def _source(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
