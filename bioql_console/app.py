"""Composition root of the window: opens the console of an environment, and closes it in reverse order."""

import getpass
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bioql_console.core import Core, StripeSecrets, keychain_secrets, now_ms, sandbox_secrets
from bioql_console.demo_data import DEFAULT_USERS, fill
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.embedded import EmbeddedServer, bound_url, write_running_file
from bioql_console.inspection import doctor_of, running_file
from bioql_console.ledgers import Ledgers
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
from bioql_console.services.changes import Change
from bioql_console.services.console import Console, Workers
from bioql_console.services.credentials import Credentials
from bioql_console.services.external_server import ExternalConfig, ExternalServer
from bioql_console.services.hardening import harden
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.services.key_proof import StripeDoor
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.listener import Heartbeat
from bioql_console.services.logs import set_up_logs
from bioql_console.services.replay import Replay
from bioql_console.services.sandbox_control import SandboxControl
from bioql_console.services.secret_upkeep import SecretUpkeep
from bioql_console.services.server_health import check
from bioql_console.services.stripe_cli import SessionSecret, StripeCli
from bioql_console.services.stripe_keys import StripeKeys
from bioql_console.services.team_database import TeamDatabase
from bioql_console.services.worker import Worker
from bioql_console.settings import Settings, environment_directory, load, save

DATABASE_THREADS = 3
STRIPE_THREADS = 3


class Launcher:
    """Opens consoles on one data directory, one at a time. Every call blocks.

    Args:
        demo: Fill an empty Sandbox with demo data.
        stripe_at: Where Stripe is, for environments in which that is not Stripe itself: a stand-in on this machine.
        databases: Ledgers that are elsewhere than the settings say.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        demo: bool = False,
        stripe_at: Mapping[Environment, str] | None = None,
        databases: Mapping[Environment, str] | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._demo = demo
        self._stripe_at = dict(stripe_at or {})
        self._databases = dict(databases or {})
        self._process = ExitStack()
        self._credentials: Credentials | None = None
        self._ledgers: Ledgers | None = None
        self._settings = Settings()

    def prepare(self) -> None:
        """What is done once in the life of the process.

        Raises:
            OperatorError: `instance.running`, `settings.*`.
        """
        if self._credentials is not None:
            return
        harden()
        # Somebody's password for another server must not be sent to this one, nor be inherited.
        os.environ.pop("PGPASSWORD", None)
        set_up_logs(self._data_dir)
        self._process.enter_context(InstanceLock(self._data_dir, "window"))
        self._settings = load(self._data_dir)
        self._credentials = Credentials(KeychainSecrets(), now_ms)
        self._ledgers = Ledgers(self._data_dir, self._databases, self._credentials, self._settings_now, self._save)

    def open(self, environment: Environment) -> Console:
        """The running console of an environment.

        Raises:
            OperatorError: whatever keeps it from opening; nothing is left running then.
        """
        self.prepare()
        with ExitStack() as stack:
            console = self._build(environment, stack)
            closing = stack.pop_all()
        return replace(console, close=closing.close)

    def team_database(self, environment: Environment) -> TeamDatabase:
        self.prepare()
        assert self._ledgers is not None
        return self._ledgers.choice(environment)

    def close(self) -> None:
        """Free the data folder for the next window."""
        self._process.close()
        self._credentials = None

    def _settings_now(self) -> Settings:
        return self._settings

    def _save(self, settings: Settings) -> None:
        save(settings, self._data_dir)
        self._settings = settings

    def _build(self, environment: Environment, stack: ExitStack) -> Console:
        assert self._credentials is not None
        sandbox, stripe_base = (
            self._start_sandbox(stack)
            if environment is Environment.SANDBOX
            else (None, self._stripe_at.get(environment))
        )
        secrets = sandbox_secrets(sandbox) if sandbox else keychain_secrets(self._credentials, environment)
        assert self._ledgers is not None
        cli_secret = SessionSecret()
        accepted = secrets.accepting_also(cli_secret.all)
        core = Core(environment, self._settings, self._data_dir, self._ledgers.of(environment), accepted, stripe_base)
        stack.callback(core.close)
        if sandbox is not None and self._demo and core.database.rights.may(Role.ADMIN):
            fill(core.database, sandbox, DEFAULT_USERS, seed=1)
        core.start()
        works = core.database.rights.may(Role.OPERATOR)
        if sandbox is None and works:
            upkeep = SecretUpkeep(self._credentials, environment, core.database, core.changes)
            upkeep.start()
            stack.callback(upkeep.stop)
        server = EmbeddedServer(core, self._settings_now, lambda url: _announce(core, url, stripe_base, sandbox))
        stack.callback(_forget_running, core)
        stack.callback(server.stop)
        external = ExternalServer(
            self._external_config,
            self._data_dir / "logs" / "external.log",
            on_change=lambda: core.changes.publish(Change("health")),
        )
        stack.callback(external.stop)
        cli = self._stripe_cli(core, cli_secret, stripe_base)
        stack.callback(cli.close)
        workers = Workers(
            Worker("database", DATABASE_THREADS),
            Worker("stripe", STRIPE_THREADS),
            Worker("keychain"),
            Worker("probe", 2),
        )
        for worker in (workers.database, workers.stripe, workers.keychain, workers.probe):
            stack.callback(worker.close)
        if sandbox is not None and works:
            _start_quietly(server)
        if self._settings.stripe_cli_on and works:
            cli.start()
        return self._console(core, secrets, server, external, cli, workers, stripe_base)

    def _stripe_cli(self, core: Core, secret: SessionSecret, stripe_base: str | None) -> StripeCli:
        return StripeCli(
            core.environment,
            self._data_dir / "stripe-cli",
            self._data_dir / "logs" / "stripe-cli.log",
            configured=lambda: self._settings.stripe_cli_path,
            secret_key=core.secrets.secret_key,
            stripe_base=stripe_base,
            listener=core.listener,
            secret=secret,
            changes=core.changes,
            now_ms=now_ms,
        )

    def _start_sandbox(self, stack: ExitStack) -> tuple[Sandbox, str]:
        sandbox = Sandbox(environment_directory(self._data_dir, Environment.SANDBOX) / "stripe.db")
        stack.callback(sandbox.close)
        listening = bind("127.0.0.1", 0)
        base = bound_url(listening)
        sandbox.set_base_url(base)
        host = Host([Served(sandbox.app, listening)])
        host.start()
        stack.callback(host.stop)
        return sandbox, base

    def _external_config(self) -> ExternalConfig:
        settings = self._settings
        return ExternalConfig(settings.external_command, settings.external_folder, settings.external_health_url)

    def _console(
        self,
        core: Core,
        secrets: StripeSecrets,
        server: EmbeddedServer,
        external: ExternalServer,
        cli: StripeCli,
        workers: Workers,
        stripe_base: str | None,
    ) -> Console:
        ledgers = self._ledgers
        assert self._credentials is not None
        assert ledgers is not None
        heartbeat = Heartbeat(core.secrets.webhook_secrets, now_ms)
        livemode = core.environment.livemode
        return Console(
            environment=core.environment,
            settings=self._settings_now,
            save_settings=self._save,
            data_dir=self._data_dir,
            operator=operator_name(),
            now_ms=now_ms,
            workers=workers,
            store=core.database,
            changes=core.changes,
            safety=core.safety,
            sweep=core.sweep,
            credentials=self._credentials,
            secret_key=core.secrets.secret_key,
            webhook_secrets=secrets.webhook_secrets,
            stripe=core.stripe,
            live=core.live,
            registration=core.registration,
            users=core.users,
            usage=core.usage,
            checkouts=core.checkouts,
            refunds=core.refunds,
            odd_payments=core.odd_payments,
            reconciliation=core.reconciliation,
            repairs=core.repairs,
            meter=core.meter,
            meter_repair=core.meter_repair,
            outbox=core.outbox,
            corrections=core.corrections,
            imports=core.imports,
            backups=core.backups,
            replay=Replay(core.database, core.changes, core.applier.wake),
            missed_events=core.missed_events,
            tariff=core.tariff,
            support=core.support,
            team=core.team,
            listening=lambda: core.feed.listening,
            listener=core.listener,
            stripe_cli=cli,
            heartbeat=lambda: heartbeat.beat(server.webhook_url, livemode),
            keys=StripeKeys(
                self._credentials,
                StripeDoor(self._stripe_at.get),
                lambda asked, make: ledgers.account_of(core, asked, make=make),
                now_ms,
            ),
            server=server,
            external=external,
            health=check,
            team_database=self.team_database(core.environment),
            doctor=doctor_of(core, self._credentials, server),
            sandbox=SandboxControl(stripe_base) if stripe_base and core.environment is Environment.SANDBOX else None,
            close=lambda: None,
        )


def operator_name() -> str:
    """Who sits here, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this user, e.g. in a container
        return "operator"


def _start_quietly(server: EmbeddedServer) -> None:
    """A taken port must not keep the window from opening; the status bar says it and offers the cure."""
    try:
        server.start()
    except OperatorError as error:
        server.failure = error


def _announce(core: Core, url: str, stripe_base: str | None, sandbox: Sandbox | None) -> None:
    write_running_file(core, url, stripe_base, sandbox)
    if sandbox is not None:
        sandbox.set_webhook_url(f"{url}/webhooks/stripe")


def _forget_running(core: Core) -> None:
    running_file(core.data_dir, core.environment).unlink(missing_ok=True)
