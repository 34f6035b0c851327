"""The billing core of one environment: database, Stripe, use cases and the threads that apply and send.

Neither a window nor a socket is part of it; `serve` and the window put theirs around it.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioql_console.domain.environment import Environment
from bioql_console.domain.rights import Role
from bioql_console.sandbox import Sandbox
from bioql_console.services.backups import Backups
from bioql_console.services.book_safety import BookSafety
from bioql_console.services.changes import Change, Changes
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.credentials import Credentials
from bioql_console.services.error_reports import ErrorReportFeed, ErrorReports
from bioql_console.services.event_applier import TOGETHER, ApplierThread, EventApplier
from bioql_console.services.event_feed import SnapshotFeed
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.key_proof import LedgerBelongs
from bioql_console.services.ledger_sweep import LedgerSweep
from bioql_console.services.legacy.legacy_import import LegacyImport
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.live_lock import LiveLock
from bioql_console.services.lost_links import LostLinks
from bioql_console.services.meter_repair import MeterRepair
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.odd_payments import OddPayments
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.polling import Polling
from bioql_console.services.reconciliation.reconcile import reconciliation_of
from bioql_console.services.reconciliation.repairs import Repairs
from bioql_console.services.reconciliation.tools import Tools
from bioql_console.services.refunds import Refunds
from bioql_console.services.registration import Registration
from bioql_console.services.right_of_way import BehindIntake
from bioql_console.services.right_to_send import RightToSend
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.support import Support
from bioql_console.services.tariff_admin import TariffAdmin
from bioql_console.services.team import Team
from bioql_console.services.usage_corrections import UsageCorrections
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.services.user_admin import UserAdmin
from bioql_console.settings import Settings, environment_directory
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.legacy_file import open_legacy
from bioql_console.storage.reconciliation_scratch import open_scratch

log = logging.getLogger(__name__)

# Two requests a minute are far from any limit of Stripe's, and a payment shows within half a minute.
POLL_EVERY_S = 30.0
# Where other processes work on the same inbox: what one that died left behind is taken over within this.
SWEEP_S = 1.0
# Stripe's meter counts asynchronously; its documentation gives no figure.
METER_LAG_MS = 10 * 60_000


def now_ms() -> int:
    """The clock of everything."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """A clock that nobody can set, for spans of time."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class StripeSecrets:
    """Where the core reads secrets, each time it needs them. They are not kept here.

    Args:
        secret_key: None when there is none.
        webhook_secrets: The current one first; two while one is being rotated.
    """

    secret_key: Callable[[], str | None]
    webhook_secrets: Callable[[], Sequence[str]]

    def accepting_also(self, more: Callable[[], Sequence[str]]) -> "StripeSecrets":
        """The same, with further signing secrets that the listener accepts."""
        return StripeSecrets(self.secret_key, lambda: [*self.webhook_secrets(), *more()])


def sandbox_secrets(sandbox: Sandbox) -> StripeSecrets:
    """The sandbox's own keys, worthless elsewhere."""
    return StripeSecrets(lambda: sandbox.secret_key, lambda: [sandbox.webhook_secret])


def keychain_secrets(credentials: Credentials, environment: Environment) -> StripeSecrets:
    """The secrets of an environment as the operator entered them, read when they are needed."""
    return StripeSecrets(
        lambda: credentials.stripe_secret_key(environment), lambda: credentials.webhook_secrets(environment)
    )


def database_url(
    settings: Settings, data_dir: Path, environment: Environment, override: str | None = None, *, make: bool = True
) -> str:
    """The ledger's address: the one asked for, the team's, or the environment's own file."""
    own = sqlite_url(environment_directory(data_dir, environment, make=make) / "bioql.db")
    return override or settings.team_database(environment) or own


class Core:
    """Everything that works without a window. Build it, `start()` it, `close()` it.

    Args:
        database: The ledger; opened here and closed with everything else.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        data_dir: Path,
        database: Database,
        secrets: StripeSecrets,
        stripe_base: str | None,
    ) -> None:
        self.environment = environment
        self.data_dir = data_dir
        self.database = database
        database.environment = environment
        try:
            database.open(data_dir / "backups")
        except BaseException:
            database.close()
            raise
        self.changes = Changes()
        self.feed = self.database.feed(self._tell_of_others, self._hear_of_others)
        self.team = Team(self.changes, now_ms, socket.gethostname(), self.feed.say)
        self.database.troubles.on_change = self._tell_trouble
        self.backups = Backups(database, data_dir / "backups", self.changes)
        self.backups.tidy()
        self.secrets = secrets
        self.safety = BookSafety(self.database, self.changes, now_ms)
        self.database.on_breach = self.safety.stopped
        self.sweep = LedgerSweep(self.database, self.safety, now_ms)
        self.account = LedgerBelongs(self.database, environment, now_ms)
        # The sandbox's account is the only one it has.
        check = None if environment is Environment.SANDBOX else self.account.check
        self.live = LiveLock(environment, self.database, self.account.account, monotonic_ms, self._tell_of_lock)
        self._right_to_send = RightToSend(self.database, monotonic_ms)
        self.stripe = StripeAccess(
            environment, secrets.secret_key, stripe_base, check, self.live, before_write=self._require_write
        )
        store, stripe, changes = self.database, self.stripe, self.changes
        self.meter = MeterSetup(stripe, store, now_ms)
        welcome, threshold = settings.welcome_credit_micros, settings.invoice_threshold_cents
        self.registration = Registration(store, stripe, self.meter, changes, now_ms, welcome, threshold)
        self.users = UserAdmin(store, stripe, changes, now_ms)
        self.usage = UsageRecording(store, changes, now_ms, threshold)
        self.refunds = Refunds(store, stripe, self.users, changes, now_ms)
        self.checkouts = CheckoutLinks(store, stripe, changes, now_ms, environment)
        self._lost_links = LostLinks(store, self.checkouts, now_ms)
        self.imports = LegacyImport(
            store, open_legacy, self.backups.before_import, changes, now_ms, tidy=self.backups.tidy
        )
        lag_ms = 0 if environment is Environment.SANDBOX else METER_LAG_MS
        counter = StripeUsageMeter(stripe.gateway)
        self.outbox = OutboxSender(
            *(store, stripe, changes, now_ms, settings.payment_terms_days, lag_ms),
            meter=counter,
            permits=self.live.permits,
        )
        self.error_reports = ErrorReports(store, stripe, counter, changes, now_ms, lag_ms)
        self.corrections = UsageCorrections(store, changes, now_ms)
        self.meter_repair = MeterRepair(
            stripe, store, changes, threshold, hold=self.outbox.hold_usage, go_on=self.outbox.go_on_with_usage
        )
        feeds = (SnapshotFeed(stripe), ErrorReportFeed(stripe))
        self.missed_events = MissedEvents(store, stripe, changes, now_ms, self._wake_applier, feeds=feeds)
        self.odd_payments = OddPayments(store, stripe, changes, now_ms, self._wake_applier)
        self.tariff = TariffAdmin(store, changes, now_ms)
        self.support = Support(store, changes, now_ms)
        # The sandbox delivers on this machine; Stripe can't reach a desktop.
        every_s = None if environment is Environment.SANDBOX else POLL_EVERY_S
        self.listener = ListenerStatus(changes)
        self.polling = Polling(
            self.missed_events,
            store,
            now_ms,
            enabled=lambda: stripe.enabled,
            hears=lambda: self.listener.on,
            every_s=every_s,
        )
        self.inbox_writer = InboxWriter(store, on_commit=self._wake_applier)
        behind = BehindIntake(store, lambda: self.inbox_writer.busy)
        applier = EventApplier(behind, environment, changes, now_ms, self._applied_together)
        self.applier = ApplierThread(applier, SWEEP_S if self.database.shared else None)
        self.reconciliation = reconciliation_of(environment, store, stripe, open_scratch, now_ms)
        self.repairs = Repairs(Tools(store, stripe, applier, self.users, self.refunds, now_ms), changes)
        self._stop_sending = threading.Event()
        self._wake_sender = threading.Event()
        sending = (self._stop_sending, self._wake_sender, self._beside_sending)
        self._sender = threading.Thread(target=self.outbox.run, args=sending, name="outbox", daemon=True)

    def _tell_of_others(self, topics: frozenset[str]) -> None:
        self.changes.publish(*map(Change, sorted(topics)))

    def _hear_of_others(self, note: Mapping[str, Any]) -> None:
        self.team.hear(note)

    def _tell_trouble(self) -> None:
        trouble = self.database.trouble
        if trouble is None:
            log.info("The database can be written again.")
        else:
            # Where a connection broke, the next one may be good: then all that is known is that this write is undone.
            lost = "A write was not kept." if trouble.error.code == "db.unreachable" else "Nothing can be written."
            log.warning("%s %s", lost, trouble.error.sentence())
        self.changes.publish(Change("database"))

    def _applied_together(self) -> int:
        return 1 if self.database.shared or self.inbox_writer.busy else TOGETHER

    def _wake_applier(self) -> None:
        self.applier.wake()

    def _require_write(self) -> None:
        """What changes something at Stripe takes the right to write it down, and books that hold."""
        self._right_to_send.require()
        self.safety.require()

    def _tell_of_lock(self) -> None:
        self.changes.publish(*(Change(topic) for topic in ("live", "outbox", "activity")))

    def _beside_sending(self) -> int:
        return self.error_reports.run_due() + self._lost_links.look_if_due()

    def start(self) -> None:
        """Finish what a crash left, then keep applying and sending. Who may only read leaves that to the others."""
        self.feed.start()
        if not self.database.rights.may(Role.OPERATOR):
            return
        self.changes.subscribe(lambda change: self._wake_sender.set() if change.topic == "outbox" else None)
        self.applier.start()
        self._sender.start()
        self.polling.start()
        self.sweep.start()

    def close(self) -> None:
        """Stop in reverse order. What is acknowledged is stored; what is not sent is sent next time."""
        self._stop_sending.set()
        self.stripe.close()
        self.sweep.stop()
        self.polling.stop()
        self._wake_sender.set()
        if self._sender.is_alive():
            self._sender.join(timeout=10)
        self.outbox.close()
        self.inbox_writer.close()
        self.applier.stop()
        self.live.close()
        self.team.leave()
        self.feed.stop()
        self.database.close()
