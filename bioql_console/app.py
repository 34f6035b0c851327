"""Composition root of the window: opens the console of an environment and closes it again, in reverse order."""

import getpass
import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bioql_console.core import Core, StripeSecrets, database_url, now_ms, sandbox_secrets
from bioql_console.demo_data import DEFAULT_USERS, fill
from bioql_console.domain.environment import Environment
from bioql_console.inspection import running_file
from bioql_console.sandbox import Sandbox
from bioql_console.server.app import ServerParts, create_app
from bioql_console.server.host import Host, Served, bind
from bioql_console.server.report import start_up_report
from bioql_console.services.console import Console, Workers
from bioql_console.services.credentials import Credentials
from bioql_console.services.doctor import Doctor, Surroundings
from bioql_console.services.external_server import ExternalServer
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.replay import Replay
from bioql_console.services.sandbox_control import SandboxControl
from bioql_console.services.server_health import check
from bioql_console.services.worker import Worker
from bioql_console.settings import Settings, environment_directory, load, save


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
            checkout_links=core.checkouts,
            inbox_writer=core.inbox_writer,
            webhook_secrets=core.secrets.webhook_secrets,
            listener=core.listener,
            changes=core.changes,
            now_ms=now_ms,
            base_url=settings.dashboard_url or url,
            allowed_origins=tuple(settings.allowed_origins),
            dev_keys_allowed=not core.environment.livemode,
            invoice_threshold_cents=settings.invoice_threshold_cents,
            payment_terms_days=settings.payment_terms_days,
        )
    )


def write_running_file(core: Core, url: str, stripe_base: str | None, sandbox: Sandbox | None) -> Callable[[], None]:
    """Say where the server is, for `doctor`; call the answer to take it back."""
    path = running_file(core.data_dir, core.environment)
    content = {"url": url, "stripe_base": stripe_base or "", "pid": os.getpid()}
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
        return start_up_report(self._core.stripe.enabled, bool(self._core.secrets.webhook_secrets()), self._settings())

    def start(self) -> None:
        with self._lock:
            if self._host is not None:
                return
            settings = self._settings()
            listening = bind(settings.host, settings.port)
            self._url = bound_url(listening)
            host = Host([Served(server_app(self._core, settings, self._url), listening)])
            host.start()
            self._host = host
        self._core.listener.turn_on(self.webhook_url)
        self._on_start(self._url)

    def stop(self) -> None:
        with self._lock:
            host, self._host = self._host, None
        self._core.listener.turn_off()
        if host is not None:
            host.stop()
