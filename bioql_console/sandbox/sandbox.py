"""The sandbox: an offline stand-in for Stripe, put together."""

from collections.abc import Iterable
from pathlib import Path

from .api import Api
from .asgi import SandboxApp
from .checkout_page import CheckoutPage
from .cli_sessions import CliSessions
from .control import Control
from .delivery import DeliveryWorker, RetryPolicy
from .delivery_queue import DIRECT, DeliveryQueue
from .errors import Json
from .faults import Faults
from .ids import random_text
from .jobs import Jobs
from .keys import Keys
from .messages import Request
from .registry import Registry
from .resources import ALL, TROUBLE
from .resources.accounts import ACCOUNT_ID
from .store import Store
from .work import Work

DEFAULT_RETRIES = RetryPolicy()


class Sandbox:
    """Answers Stripe's API on this machine, without network or account. Serve `app` with any ASGI server.

    Args:
        path: The file that keeps everything, made with mode 0600; keys are made once and stay.
        webhook_url: Where signed webhooks go, besides registered endpoints. Loopback only.
    """

    def __init__(self, path: Path, *, webhook_url: str | None = None, retries: RetryPolicy = DEFAULT_RETRIES) -> None:
        self._registry = Registry(ALL)
        self._store = Store(path, self._registry.lookups)
        self.account_id = ACCOUNT_ID
        self.secret_key = self._made_once("secret_key", "sk_test_sandbox", 8)
        self.publishable_key = self._made_once("publishable_key", "pk_test_sandbox", 8)
        self.webhook_secret = self._made_once("webhook_secret", "whsec_sandbox", 16)
        self._base_url: str | None = None
        self._queue = DeliveryQueue(self._store)
        self._queue.webhook_url = webhook_url
        self._queue.cli_sessions = CliSessions(self._store, self._queue)
        self._queue.hurry()
        jobs = Jobs(self._store, self._registry, self._work)
        faults = Faults()
        keys = Keys(self._store, self.secret_key, ACCOUNT_ID)
        self._worker = DeliveryWorker(self._store, self._queue, jobs, self.webhook_secret, retries)
        self.app = SandboxApp(
            Api(self._store, self._registry, jobs, self._work, keys),
            CheckoutPage(self._store, jobs, self._work),
            Control(self._store, self._queue, jobs, faults, keys, self._work, TROUBLE),
            faults,
            self._worker,
            self._queue.cli_sessions,
        )

    def set_webhook_url(self, url: str | None) -> None:
        """Send webhooks there from now on, also those that wait for their next attempt; None: nowhere."""
        changed = url != self._queue.webhook_url
        self._queue.webhook_url = url
        if changed and url:
            self._queue.hurry(DIRECT)
        self._worker.wake()

    def set_base_url(self, url: str) -> None:
        """Where this sandbox is reached, for links to its Checkout page; else they follow each request's Host."""
        self._base_url = url.rstrip("/")

    def put_many(self, objects: Iterable[Json]) -> None:
        """Store raw Stripe objects as they are, without events. What they leave out gets its usual value."""
        with self._store.transaction():
            for thing in objects:
                resource = self._registry.by_object.get(thing["object"])
                made = resource.template() if resource else {}
                self._store.put({**made, "created": self._store.now(), "livemode": False, **thing})

    def put_usage(self, rows: Iterable[tuple[str, str, int, int, str, str]]) -> None:
        """Usage that the meter counted already: meter, customer, time in seconds, units, identifier, event name."""
        with self._store.transaction():
            self._store.db.executemany(
                "INSERT INTO meter_events (meter, customer, at, value, identifier, event_name, received)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3)",
                rows,
            )

    def close(self) -> None:
        """Close the file. Stop serving `app` first."""
        self._store.close()

    def _made_once(self, name: str, prefix: str, length: int) -> str:
        value = self._store.setting(name)
        if value is None:
            value = prefix + random_text(length)
            self._store.set_setting(name, value)
        return value

    def _work(self, request: Request | None = None) -> Work:
        host = request.headers.get("host", "") if request else ""
        base_url = self._base_url or (f"http://{host}" if host else "http://127.0.0.1")
        return Work(self._store, self._registry, self._queue, base_url)
