"""Sends queued events, signed as Stripe signs them, again and again until they are accepted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .delivery_queue import Delivery, DeliveryQueue, real_ms
from .errors import Json
from .jobs import Jobs
from .messages import is_local_url
from .signatures import signature_header
from .store import Store
from .work import public

if TYPE_CHECKING:
    import httpx

IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How deliveries are repeated. Stripe takes days; here it is seconds, so that one can watch it.

    Args:
        first_s: Pause after the first failure; it doubles from one to the next.
        longest_s: Upper bound of the pauses.
        attempts: After so many failures a delivery is given up.
        timeout_s: How long the receiver may take.
        at_once: How many deliveries are under way at the same time.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    attempts: int = 60
    timeout_s: float = 10.0
    at_once: int = 4

    def pause_s(self, failures: int) -> float:
        return float(min(self.longest_s, self.first_s * 2 ** min(failures - 1, 30)))


class DeliveryWorker:
    """Runs on the event loop beside the API; also does what the clock brings about."""

    def __init__(self, store: Store, queue: DeliveryQueue, jobs: Jobs, secret: str, retries: RetryPolicy) -> None:
        self._store, self._queue, self._jobs = store, queue, jobs
        self._secret, self._retries = secret, retries
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._client: httpx.AsyncClient | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start on the running loop."""
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Stop at once; what was under way is sent again next time."""
        tasks = [task for task in (self._task, *self._sending.values()) if task]
        self._task, self._loop = None, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._queue.cli_sessions is not None:
            await self._queue.cli_sessions.stop()
        if self._client:
            await self._client.aclose()
            self._client = None

    def wake(self) -> None:
        """Look again. May be called from any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            self._jobs.run_due()
            self._jobs.tidy()
            if self._client is None and self._queue.due(1):
                self._client = await asyncio.to_thread(_new_client, self._retries.timeout_s)
            self._send_due()
            if self._queue.cli_sessions is not None:
                self._queue.cli_sessions.push()
            try:
                await asyncio.wait_for(self._woken.wait(), self._pause_s())
            except TimeoutError:
                continue

    def _send_due(self) -> None:
        free = self._retries.at_once - len(self._sending)
        if self._queue.options.paused or free <= 0 or self._client is None:
            return
        for delivery in self._queue.due(self._retries.at_once + 50):
            if free > 0 and delivery.seq not in self._sending:
                task = asyncio.get_running_loop().create_task(self._send(delivery))
                self._sending[delivery.seq] = task
                task.add_done_callback(self._finished(delivery.seq))
                free -= 1

    def _finished(self, seq: int) -> Callable[[asyncio.Task[None]], None]:
        def done(task: asyncio.Task[None]) -> None:
            self._sending.pop(seq, None)
            self._woken.set()
            if not task.cancelled():
                task.result()  # a bug: the loop's exception handler reports it

        return done

    def _pause_s(self) -> float:
        pauses = [IDLE_S]
        if (job_s := self._jobs.next_due_in_s()) is not None:
            pauses.append(job_s + 0.01)
        if not self._queue.options.paused and len(self._sending) < self._retries.at_once:
            due = self._queue.next_due_ms(excluding=self._sending)
            if due is not None:
                pauses.append((due - real_ms()) / 1000)
        return max(0.0, min(pauses))

    async def _send(self, delivery: Delivery) -> None:
        url = self._queue.url_of(delivery.endpoint)
        event = self._store.get("event", delivery.event) or self._store.get("v2.core.event", delivery.event)
        if url is None or event is None:
            self._queue.record(delivery, _attempt(None, "The endpoint is gone.", 0), state="failed", next_ms=None)
            return
        if not is_local_url(url):
            attempt = _attempt(None, "The sandbox delivers to this machine only.", 0)
            self._queue.record(delivery, attempt, state="failed", next_ms=None)
            return
        secret = self._secret_of(delivery.endpoint)
        for _ in range(1 + max(0, self._queue.options.duplicate)):
            attempt = await self._post(url, event, secret)
            self._record(delivery, attempt)
            if not _accepted(attempt):
                return

    def _record(self, delivery: Delivery, attempt: Json) -> None:
        failures = delivery.attempts + 1
        if _accepted(attempt):
            self._queue.record(delivery, attempt, state="succeeded", next_ms=None)
        elif failures >= self._retries.attempts:
            self._queue.record(delivery, attempt, state="failed", next_ms=None)
        else:
            next_ms = real_ms() + int(self._retries.pause_s(failures) * 1000)
            self._queue.record(delivery, attempt, state="pending", next_ms=next_ms)

    async def _post(self, url: str, event: Json, secret: str) -> Json:
        import httpx

        assert self._client is not None
        body = json.dumps(public(event), indent=2, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(secret, int(time.time()), body),
            "User-Agent": "Stripe/1.0 (BioQL sandbox)",
        }
        began = time.monotonic()
        try:
            answer = await self._client.post(url, content=body, headers=headers)
            return _attempt(answer.status_code, None, time.monotonic() - began)
        except (httpx.HTTPError, httpx.InvalidURL, AttributeError) as error:
            # AttributeError: a receiver that is killed as it is connected to leaves anyio without a socket to ask.
            return _attempt(None, type(error).__name__, time.monotonic() - began)

    def _secret_of(self, endpoint: str) -> str:
        if not endpoint:
            return self._secret
        found = self._store.get("webhook_endpoint", endpoint)
        return str(found.get("_secret") or self._secret) if found else self._secret


def _new_client(timeout_s: float) -> httpx.AsyncClient:
    import httpx  # takes a moment to import; only deliveries need it

    return httpx.AsyncClient(timeout=timeout_s, trust_env=False)


def _attempt(status: int | None, error: str | None, took_s: float) -> Json:
    return {"at_ms": real_ms(), "status": status, "error": error, "took_ms": round(took_s * 1000)}


def _accepted(attempt: Json) -> bool:
    return attempt["status"] is not None and 200 <= attempt["status"] < 300
