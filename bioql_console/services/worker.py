"""Threads for work that blocks, with a door for coroutines."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """A pool of `threads` threads; with one, calls run one after another.

    Cancelling the awaiting task does not stop the call: it ends by itself and its answer is dropped.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self._closed = False

    def submit(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Start a call; for callers without an event loop. It runs in the caller's context."""
        context = copy_context()
        return self._pool.submit(lambda: context.run(work, *args, **kwargs))

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The call's answer or exception.

        Raises:
            CancelledError: the pool was closed; a page that asks on its way out has no use for an answer.
        """
        if self._closed:
            raise asyncio.CancelledError
        return await asyncio.wrap_future(self.submit(work, *args, **kwargs))

    def close(self) -> None:
        """Wait for calls in hand; those that have not begun are dropped."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)


class DeadlineExceeded(Exception):
    """A call did not end in time. Its thread may hang for good; nobody waits for it."""


def call_with_deadline(work: Callable[[], R], seconds: float, name: str) -> R:
    """Run something that may hang on a thread of its own.

    Raises:
        DeadlineExceeded: it is still running after `seconds`.
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # A daemon thread: one that hangs must not keep the program from ending.
    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except TimeoutError as error:
        if future.done():  # its own TimeoutError, or an answer at the very last moment
            return future.result()
        raise DeadlineExceeded(name) from error
