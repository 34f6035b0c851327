"""The BioQL server around a core, and running it inside the window's process."""

import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bioql_console.core import Core, monotonic_ms, now_ms
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.inspection import running_file
from bioql_console.sandbox import Sandbox
from bioql_console.server.app import create_app
from bioql_console.server.host import Host, Served, bind
from bioql_console.server.limits import Limits
from bioql_console.server.parts import ServerParts
from bioql_console.server.report import start_up_report
from bioql_console.services.plan_check import PlanCheck
from bioql_console.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bound_url(listening: socket.socket) -> str:
    """Address of a bound socket, as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server_app(core: Core, settings: Settings, url: str) -> Any:
    """The BioQL server's ASGI application around a core."""
    return create_app(
        ServerParts(
            store=core.database,
            environment=core.environment,
            stripe=core.stripe,
            registration=core.registration,
            user_admin=core.users,
            usage_recording=core.usage,
            plan_check=PlanCheck(core.database, now_ms),
            checkout_links=core.checkouts,
            support=core.support,
            inbox_writer=core.inbox_writer,
            webhook_secrets=core.secrets.webhook_secrets,
            listener=core.listener,
            now_ms=now_ms,
            monotonic_ms=monotonic_ms,
            base_url=settings.dashboard_url or url,
            allowed_origins=settings.allowed_origins,
            dev_keys_allowed=not core.environment.livemode,
            invoice_threshold_cents=settings.invoice_threshold_cents,
            payment_terms_days=settings.payment_terms_days,
            limits=Limits(
                settings.requests_per_second, settings.wrong_keys_per_minute, settings.registrations_per_minute
            ),
            trusted_proxies=settings.trusted_proxies,
            allowed_hosts=_allowed_hosts(url, settings.dashboard_url),
        )
    )


def _allowed_hosts(url: str, dashboard_url: str) -> frozenset[str]:
    """Bound to this machine, it answers to this machine's names and the dashboard's; else to any."""
    if urlsplit(url).hostname not in LOOPBACK:
        return frozenset()
    public = urlsplit(dashboard_url).hostname
    return frozenset((*LOOPBACK, public)) if public else frozenset(LOOPBACK)


def core_report(core: Core, settings: Settings) -> list[str]:
    """The start-up report of a server around this core."""
    webhooks = bool(core.secrets.webhook_secrets())
    return start_up_report(core.stripe.enabled, webhooks, settings.invoice_threshold_cents)


def write_running_file(core: Core, url: str, stripe_base: str | None, sandbox: Sandbox | None) -> Callable[[], None]:
    """Say where the server is, for `doctor`; call the answer to take it back."""
    path = running_file(core.data_dir, core.environment)
    content: dict[str, object] = {"url": url, "stripe_base": stripe_base or "", "pid": os.getpid()}
    if sandbox is not None:
        content["stripe_secret_key"] = sandbox.secret_key
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
    return lambda: path.unlink(missing_ok=True)


class EmbeddedServer:
    """The BioQL server inside the window's process, on a thread of its own."""

    def __init__(self, core: Core, settings: Callable[[], Settings], on_start: Callable[[str], None]) -> None:
        self._core = core
        self._settings = settings
        self._on_start = on_start
        self._lock = threading.Lock()
        self._host: Host | None = None
        self._url = ""
        self.failure: OperatorError | None = None

    @property
    def running(self) -> bool:
        return self._host is not None

    @property
    def url(self) -> str:
        return self._url or f"http://{self._settings().host}:{self._settings().port}"

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/webhooks/stripe"

    @property
    def report(self) -> list[str]:
        if not self.running:
            return []
        return core_report(self._core, self._settings())

    def start(self) -> None:
        with self._lock:
            if self._host is not None:
                return
            self._core.database.rights.require(
                Role.OPERATOR, "The server was not started: it writes, and you may only read."
            )
            settings = self._settings()
            listening = bind(settings.host, settings.port)
            self._url = bound_url(listening)
            host = Host([Served(server_app(self._core, settings, self._url), listening)])
            host.start()
            self._host, self.failure = host, None
        self._core.listener.turn_on(self.webhook_url)
        self._on_start(self._url)

    def stop(self) -> None:
        with self._lock:
            host, self._host = self._host, None
        self._core.listener.turn_off()
        if host is not None:
            host.stop()
