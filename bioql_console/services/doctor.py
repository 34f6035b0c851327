"""Every check of the console's surroundings, each with its cure. Used by `doctor` and the Overview."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import UserQuery
from bioql_console.services.checks import CheckResult
from bioql_console.services.ports import Store
from bioql_console.services.server_health import DATABASE_WELL
from bioql_console.services.symptoms import Symptoms

if TYPE_CHECKING:
    from bioql_console.services.credentials import Credentials
    from bioql_console.services.meter_setup import MeterSetup
    from bioql_console.services.missed_events import MissedEvents
    from bioql_console.services.server_health import HealthReport
    from bioql_console.services.stripe_access import StripeAccess

MB = 1_000_000
LEAST_FREE_MB = 100
GO_ON = "Open the window and press Check again: then posting goes on."
CLOCK_OFF_MS = 30_000
# As `services.signature` has it, which imports Stripe's SDK.
TOLERANCE_S = 300
CLOCK_CURE = "Set the clock, e.g. `timedatectl set-ntp true`. What was refused is fetched on the Webhooks page."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the doctor looks at.

    Args:
        stripe, meter, missed_events: None when there is no way to reach Stripe, e.g. a sandbox that is not running.
        server_url: Where the server to ask for its health is, e.g. "http://127.0.0.1:5001".
    """

    environment: Environment
    data_dir: Path
    store: Store
    credentials: "Credentials"
    stripe: "StripeAccess | None"
    meter: "MeterSetup | None"
    missed_events: "MissedEvents | None"
    health: "Callable[[str], HealthReport]"
    server_url: Callable[[], str]
    now_ms: Callable[[], int]


class Doctor:
    """Runs the checks. Changes nothing."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at = surroundings
        self._symptoms = Symptoms(surroundings.store, surroundings.missed_events, surroundings.now_ms)

    def run(self, only: Collection[str] = ()) -> list[CheckResult]:
        """All checks, or those named, in the order in which to mend them."""
        checks: Iterable[Callable[[], CheckResult]] = (
            self.data_folder,
            self.database,
            self.ledger,
            self.keychain,
            self.credentials,
            self.webhook_secret,
            self.stripe,
            self.clock,
            self.meter,
            self.price,
            self.server,
            self.server_stripe,
            self.server_webhooks,
            *self._symptoms.all(),
        )
        return [check() for check in checks if not only or check.__name__ in only]

    def data_folder(self) -> CheckResult:
        folder = self._at.data_dir
        open_to_others = folder.exists() and folder.stat().st_mode & 0o077
        if open_to_others:
            return CheckResult(
                "data_folder",
                False,
                "Other users of this computer can look into the data folder.",
                f"chmod 700 {folder}",
            )
        free_mb = disk_usage(folder).free // MB if folder.exists() else LEAST_FREE_MB
        if free_mb < LEAST_FREE_MB:
            words = f"Only {free_mb} MB are free on the disk of the data folder; on a full disk no payment is recorded."
            return CheckResult("data_folder", False, words, "Free some space.")
        return CheckResult("data_folder", True, f"Data folder {folder} is private.")

    def database(self) -> CheckResult:
        trouble = self._at.store.trouble
        if trouble is not None:
            return CheckResult("database", False, trouble.error.what, trouble.error.fix)

        def look() -> str:
            with self._at.store.read() as work:
                work.users.count(UserQuery())
            return f"Database opens: {self._at.store.words}."

        return _asked("database", look)

    def ledger(self) -> CheckResult:
        try:
            with self._at.store.read() as work:
                stopped, found = work.safety.breaches(), work.verifier.run()
        except OperatorError as error:
            return CheckResult("ledger", None, "The ledger can't be read.", error.fix)
        if stopped:
            since = f"{datetime.fromtimestamp(stopped[0].found_ms / 1000, UTC):%d %B %Y %H:%M UTC}"
            what = f"Nothing is posted or sent since {since}: {stopped[0].difference.what}"
            if found.ok:
                what = f"Nothing is posted or sent since {since}, but the books hold again."
            return CheckResult("ledger", False, what, GO_ON if found.ok else stopped[0].difference.cure)
        if found.ok:
            return CheckResult("ledger", True, f"The books balance: {found.entries:,} entries, {found.users:,} users.")
        first = found.differences[0]
        return CheckResult("ledger", False, first.what, first.cure or "Run `bioql-console verify` for the whole list.")

    def keychain(self) -> CheckResult:
        status = self._at.credentials.status()
        if self._at.environment is Environment.SANDBOX:
            return CheckResult("keychain", True, f"{status.words} The Sandbox needs no keychain.")
        return CheckResult("keychain", status.state == "ok", status.words, status.cure)

    def credentials(self) -> CheckResult:
        word = self._at.environment.word
        if self._at.environment is Environment.SANDBOX:
            return CheckResult("credentials", True, "The Sandbox has keys of its own.")

        def look() -> str:
            if self._at.credentials.stripe_secret_key(self._at.environment) is None:
                raise OperatorError(
                    f"There is no {word} secret key.", fix="Enter it in Settings › Credentials.", code="stripe.disabled"
                )
            return f"A {word} secret key is there."

        return _asked("credentials", look)

    def webhook_secret(self) -> CheckResult:
        if self._at.environment is Environment.SANDBOX:
            return CheckResult("webhook_secret", True, "The Sandbox signs its own events.")

        def look() -> str:
            if not self._at.credentials.webhook_secrets(self._at.environment):
                raise OperatorError(
                    "There is no webhook signing secret: payments would not be noticed.",
                    fix="Enter it in Settings › Credentials.",
                    code="webhooks.no_secret",
                )
            return "A webhook signing secret is there."

        return _asked("webhook_secret", look)

    def stripe(self) -> CheckResult:
        stripe = self._at.stripe
        if stripe is None:
            return CheckResult("stripe", None, "The sandbox is not running.", "Start the console or `serve`.")

        def look() -> str:
            account = stripe.gateway().account()
            return f"Stripe answers: {account.name} · {account.id}."

        return _asked("stripe", look)

    def clock(self) -> CheckResult:
        """Compared with the date of Stripe's answers: events are signed with Stripe's time."""
        stripe = self._at.stripe
        if stripe is None:
            return CheckResult("clock", None, "The clock can't be compared: the sandbox is not running.")
        try:
            gateway = stripe.gateway()
            gateway.account()
        except OperatorError as error:
            return CheckResult("clock", None, "The clock can't be compared with Stripe's.", error.fix)
        off_ms = gateway.activity.clock_off_ms
        if off_ms is None:
            return CheckResult("clock", None, "Stripe's answers bear no date to compare the clock with.")
        if abs(off_ms) < CLOCK_OFF_MS:
            return CheckResult("clock", True, "This computer's clock agrees with Stripe's.")
        return CheckResult("clock", False, clock_words(off_ms // 1000), CLOCK_CURE)

    def meter(self) -> CheckResult:
        return self._meter_line("meter", lambda report: report.meter_checks)

    def price(self) -> CheckResult:
        return self._meter_line("price", lambda report: report.price_checks)

    def _meter_line(self, name: str, lines: Callable) -> CheckResult:  # type: ignore[type-arg]
        meter = self._at.meter
        if meter is None:
            return CheckResult(
                name, None, f"The {name} can't be looked up: the sandbox is not running.", "Start `serve`."
            )
        try:
            checks = lines(meter.inspect())
        except OperatorError as error:
            return CheckResult(name, None, f"The {name} can't be looked up. {error.what}", error.fix)
        wrong = [check for check in checks if not check.agrees]
        if not wrong:
            return CheckResult(name, True, f"The {name} is as expected.")
        first = wrong[0]
        return CheckResult(
            name,
            False,
            f"{first.what}: {first.actual}, expected {first.expected}. {first.consequence}",
            "Open the Meter page and press Create or Repair; it shows the plan first.",
        )

    def server(self) -> CheckResult:
        report = self._at.health(self._at.server_url())
        if not report.reachable:
            return CheckResult("server", False, report.words, report.cure)
        if report.database not in DATABASE_WELL:
            return CheckResult("server", False, report.words, report.cure)
        return CheckResult("server", True, f"Server at {self._at.server_url()} answers in {report.latency_ms} ms.")

    def server_stripe(self) -> CheckResult:
        report = self._at.health(self._at.server_url())
        return _flag("server_stripe", report.stripe_enabled, "Stripe integration", report.words, report.cure)

    def server_webhooks(self) -> CheckResult:
        report = self._at.health(self._at.server_url())
        return _flag("server_webhooks", report.webhooks_enabled, "Webhook handling", report.words, report.cure)


def clock_words(off_s: int) -> str:
    """How far this computer's clock is off, and what follows."""
    how = f"{abs(off_s):,} s {'ahead of' if off_s > 0 else 'behind'} Stripe's"
    return f"This computer's clock is {how}: events that are off by more than {TOLERANCE_S} s are refused."


def _asked(name: str, look: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, look())
    except OperatorError as error:
        return CheckResult(name, False, error.what, error.fix)


def _flag(name: str, enabled: bool | None, subject: str, words: str, cure: str) -> CheckResult:
    if enabled is None:
        return CheckResult(name, None, f"{subject}: the server does not say.", cure)
    if enabled:
        return CheckResult(name, True, f"{subject} is on.")
    return CheckResult(name, False, words, cure)
