"""Everything a window works with, for one environment: built by the composition root, used by the pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.changes import Changes
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess

if TYPE_CHECKING:
    from bioql_console.services.backups import Backups
    from bioql_console.services.book_safety import BookSafety
    from bioql_console.services.checkout_links import CheckoutLinks
    from bioql_console.services.credentials import Credentials
    from bioql_console.services.doctor import Doctor
    from bioql_console.services.external_server import ExternalServer
    from bioql_console.services.ledger_sweep import LedgerSweep
    from bioql_console.services.legacy.legacy_import import LegacyImport
    from bioql_console.services.listener import ListenerStatus
    from bioql_console.services.live_lock import LiveLock
    from bioql_console.services.meter_repair import MeterRepair
    from bioql_console.services.meter_setup import MeterSetup
    from bioql_console.services.missed_events import MissedEvents
    from bioql_console.services.odd_payments import OddPayments
    from bioql_console.services.outbox_sender import OutboxSender
    from bioql_console.services.reconciliation.reconcile import Reconciliation
    from bioql_console.services.reconciliation.repairs import Repairs
    from bioql_console.services.refunds import Refunds
    from bioql_console.services.registration import Registration
    from bioql_console.services.replay import Replay
    from bioql_console.services.sandbox_control import SandboxControl
    from bioql_console.services.server_health import HealthReport
    from bioql_console.services.stripe_cli import StripeCli
    from bioql_console.services.stripe_keys import StripeKeys
    from bioql_console.services.support import Support
    from bioql_console.services.tariff_admin import TariffAdmin
    from bioql_console.services.team import Team
    from bioql_console.services.team_database import TeamDatabase
    from bioql_console.services.usage_corrections import UsageCorrections
    from bioql_console.services.usage_recording import UsageRecording
    from bioql_console.services.user_admin import UserAdmin
    from bioql_console.services.worker import Worker
    from bioql_console.settings import Settings


class LocalServer(Protocol):
    """The embedded BioQL server with its webhook listener."""

    @property
    def running(self) -> bool: ...
    @property
    def url(self) -> str:
        """Where it listens, or would listen, e.g. "http://127.0.0.1:5001"."""
        ...

    @property
    def webhook_url(self) -> str: ...
    @property
    def failure(self) -> OperatorError | None:
        """Why the last attempt to start failed; None once it runs."""
        ...

    @property
    def report(self) -> list[str]:
        """The start-up report's lines; empty while it does not run."""
        ...

    def start(self) -> None:
        """Start listening. Does nothing when it runs already.

        Raises:
            OperatorError: `port.taken`.
        """
        ...

    def stop(self) -> None:
        """Stop listening after the requests in hand are answered."""
        ...


@dataclass(frozen=True, slots=True)
class Workers:
    """Threads for what may block. The window's own thread never touches disk, network or keychain.

    Args:
        probe: For looks at health and surroundings, which must not wait behind an operator's work, nor it behind them.
    """

    database: "Worker"
    stripe: "Worker"
    keychain: "Worker"
    probe: "Worker"


@dataclass(frozen=True, slots=True)
class Console:
    """The open console of one environment. Every call on its services may block: make it on a worker.

    Args:
        operator: Who sits here, for the activity trail.
        secret_key, webhook_secrets: What Stripe calls and signatures are made and checked with; never shown.
        live: The lock on writes in Live.
        keys: Proves, explores and replaces secrets, also those of another environment.
        team_database: Chooses the ledger that is used from the next opening on.
        heartbeat: Sends a signed event through the real listener; OperatorError `webhooks.*` when it is deaf.
        listening: Whether changes by others are heard at once; False while they are looked for every second.
        sandbox: Control of the offline Stripe; None outside the Sandbox.
        save_settings: Stores new settings; those about the environment take effect when it is opened again.
        close: Stops everything in reverse order. Blocks until it is done.
    """

    environment: Environment
    settings: Callable[[], "Settings"]
    save_settings: "Callable[[Settings], None]"
    data_dir: Path
    operator: str
    now_ms: Callable[[], int]
    workers: Workers
    store: Store
    changes: Changes
    safety: "BookSafety"
    sweep: "LedgerSweep"
    credentials: "Credentials"
    secret_key: Callable[[], str | None]
    webhook_secrets: Callable[[], Sequence[str]]
    stripe: StripeAccess
    live: "LiveLock"
    registration: "Registration"
    users: "UserAdmin"
    usage: "UsageRecording"
    checkouts: "CheckoutLinks"
    refunds: "Refunds"
    odd_payments: "OddPayments"
    reconciliation: "Reconciliation"
    repairs: "Repairs"
    meter: "MeterSetup"
    meter_repair: "MeterRepair"
    outbox: "OutboxSender"
    corrections: "UsageCorrections"
    imports: "LegacyImport"
    backups: "Backups"
    replay: "Replay"
    missed_events: "MissedEvents"
    tariff: "TariffAdmin"
    support: "Support"
    team: "Team"
    listening: Callable[[], bool | None]
    listener: "ListenerStatus"
    stripe_cli: "StripeCli"
    heartbeat: Callable[[], None]
    keys: "StripeKeys"
    server: LocalServer
    external: "ExternalServer"
    health: "Callable[[str], HealthReport]"
    doctor: "Doctor"
    team_database: "TeamDatabase"
    sandbox: "SandboxControl | None"
    close: Callable[[], None]


class Launcher(Protocol):
    """Opens consoles, one at a time. Every call blocks."""

    def open(self, environment: Environment) -> Console:
        """The running console of an environment.

        Raises:
            OperatorError: whatever keeps it from opening; nothing is left running then.
        """
        ...

    def team_database(self, environment: Environment) -> "TeamDatabase":
        """Where the ledger of an environment is chosen; it needs no open console."""
        ...

    def close(self) -> None:
        """Free the data folder for the next window."""
        ...
