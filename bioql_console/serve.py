"""`serve`: the server without a window, until SIGTERM or Ctrl+C."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bioql_console.core import Core, StripeSecrets, database_url, keychain_secrets, now_ms, sandbox_secrets
from bioql_console.domain.environment import Environment, check_secret_key, check_webhook_secret
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.rights import Role
from bioql_console.embedded import bound_url, core_report, server_app, write_running_file
from bioql_console.ledgers import ledger_at
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Served, bind, loop_factory, serve_until
from bioql_console.services.credentials import Credentials
from bioql_console.services.hardening import harden
from bioql_console.services.heap import keep_heap_small
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.logs import report_bugs, set_up_logs
from bioql_console.services.redaction import remember_secret
from bioql_console.services.secret_upkeep import SecretUpkeep
from bioql_console.settings import Settings, data_directory, environment_directory, load
from bioql_console.storage.database import Database


class ServeOptions(NamedTuple):
    """What `bioql-console serve` was asked for; None means as the settings say.

    Args:
        armed: What may write in Live while it runs; nothing but GET leaves otherwise.
        account: Name or id of the Stripe account that is meant.
    """

    environment: Environment | None
    host: str
    port: int | None
    database: str | None
    data_dir: Path | None
    ready_file: Path | None
    secrets_from_environment: bool
    armed: tuple[Standing, ...] = ()
    account: str = ""


def run(options: ServeOptions) -> int:
    """Serve until told to stop. Exit code 0 after a clean end.

    Raises:
        OperatorError: when it can't start; nothing is left behind.
    """
    harden()
    keep_heap_small()
    folder = data_directory(options.data_dir)
    set_up_logs(folder, to_stderr=True)
    report_bugs(lambda _report: None)
    settings = load(folder)
    environment = options.environment or Environment(settings.environment)
    with ExitStack() as stack:
        stack.enter_context(InstanceLock(folder, "serve"))
        listening = bind(options.host, settings.port if options.port is None else options.port)
        stack.callback(listening.close)
        kept = Credentials(KeychainSecrets(), now_ms)
        served, secrets, stripe_base, sandbox = [], _secrets(environment, options, kept), None, None
        if environment is Environment.SANDBOX:
            sandbox = Sandbox(environment_directory(folder, environment) / "stripe.db")
            stack.callback(sandbox.close)
            sandbox_socket = bind("127.0.0.1", 0)
            stack.callback(sandbox_socket.close)
            stripe_base = bound_url(sandbox_socket)
            # That of `stripe listen`, when somebody forwards events with it.
            secrets = sandbox_secrets(sandbox).accepting_also(secrets.webhook_secrets)
            sandbox.set_base_url(stripe_base)
            sandbox.set_webhook_url(f"{bound_url(listening)}/webhooks/stripe")
            served.append(Served(sandbox.app, sandbox_socket))
        core = Core(
            environment,
            settings,
            folder,
            _ledger(settings, folder, environment, options, kept),
            secrets,
            stripe_base,
        )
        stack.callback(core.close)
        core.database.rights.require(Role.OPERATOR, "The server can't run: it writes, and you may only read.")
        core.start()
        _arm(core, options)
        if environment is not Environment.SANDBOX and not options.secrets_from_environment:
            upkeep = SecretUpkeep(kept, environment, core.database, core.changes, core.stripe.forget)
            upkeep.start()
            stack.callback(upkeep.stop)
        core.listener.turn_on(f"{bound_url(listening)}/webhooks/stripe")
        served.append(Served(server_app(core, settings, bound_url(listening)), listening))
        for line in (*core_report(core, settings), *_lock_report(core)):
            sys.stdout.write(line + "\n")
        ready = _ready(core, bound_url(listening), stripe_base, sandbox)
        stack.callback(write_running_file(core, bound_url(listening), stripe_base, sandbox))
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(served, lambda: _announce(ready, options.ready_file)))
    return 0


def _ledger(
    settings: Settings, folder: Path, environment: Environment, options: ServeOptions, kept: Credentials
) -> Database:
    """The ledger. A password from the environment is taken out of it, so that no child inherits it."""
    url = database_url(settings, folder, environment, options.database)
    password = os.environ.pop("PGPASSWORD", None)
    if password:
        remember_secret(password)
    if password or options.secrets_from_environment:
        return Database(url, now_ms, password)
    return ledger_at(url, kept)


def _secrets(environment: Environment, options: ServeOptions, kept: Credentials) -> StripeSecrets:
    """Secrets as the options say. From the environment they are taken out of it, so that no child inherits them."""
    if options.secrets_from_environment:
        key = os.environ.pop("STRIPE_SECRET_KEY", "")
        webhook_secret = os.environ.pop("STRIPE_WEBHOOK_SECRET", "")
        if environment is Environment.SANDBOX:
            key = ""
        checked_key = check_secret_key(key, environment) if key else None
        checked_secrets = [check_webhook_secret(webhook_secret)] if webhook_secret else []
        return StripeSecrets(lambda: checked_key, lambda: checked_secrets)
    if environment is not Environment.SANDBOX:
        # A keychain that can't be asked is said now and not at the first event.
        kept.stripe_secret_key(environment)
        kept.webhook_secrets(environment)
    return keychain_secrets(kept, environment)


def _arm(core: Core, options: ServeOptions) -> None:
    """What the command line arms in Live, for the account that it names.

    Raises:
        OperatorError: `live.*`; whatever asking Stripe for the account raises, if the ledger does not know it yet.
    """
    if not options.armed or not core.live.needed:
        return
    if core.account.account() is None:
        core.stripe.gateway()  # proves the key, and with it whose ledger this is
    core.live.arm_standing(options.armed, "", "", options.account, "serve")


def _lock_report(core: Core) -> list[str]:
    if not core.live.needed:
        return []
    armed = ", ".join(kind.title for kind in Standing if kind in core.live.standing)
    return [f"LIVE: armed for {armed}" if armed else "LIVE: locked, only reading leaves for Stripe (see --arm)"]


async def _serve(served: list[Served], ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_until(served, stop, on_ready=ready)


def _ready(core: Core, url: str, stripe_base: str | None, sandbox: Sandbox | None) -> dict[str, object]:
    ready: dict[str, object] = {
        "url": url,
        "webhook_url": f"{url}/webhooks/stripe",
        "database": core.database.shown_url,
        "stripe_base": stripe_base,
        "pid": os.getpid(),
    }
    if sandbox is not None:
        ready["stripe_secret_key"] = sandbox.secret_key
        ready["stripe_publishable_key"] = sandbox.publishable_key
        ready["webhook_secret"] = sandbox.webhook_secret
    return ready


def _announce(ready: dict[str, object], path: Path | None) -> None:
    sys.stdout.write(f"Ready: {ready['url']}\n")
    sys.stdout.flush()
    if path is None:
        return
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(ready, file)
    beside.replace(path)
