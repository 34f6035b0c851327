"""The five signs of life in the status bar, looked at again and again in the background."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import cycle

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError, Trouble
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.rights import MEANING, Rights, Role
from bioql_console.domain.safety import Breach
from bioql_console.services.doctor import CLOCK_CURE, CLOCK_OFF_MS, clock_words
from bioql_console.services.server_health import HealthReport
from bioql_console.services.stripe_cli import CliState
from bioql_console.ui import formats
from bioql_console.ui.tasks import LatestTask
from bioql_console.ui.vital import UNKNOWN, Vital
from bioql_console.ui.workspace import Workspace

HISTORY = 240
HEARTBEAT_EVERY_MS = 30_000
DEAF_AFTER_MS = 90_000
log = logging.getLogger(__name__)


ELSEWHERE = "Who may only read runs no server: events are heard and applied, and usage is sent, by other consoles."


def database_sign(words: str, took_ms: int, encrypted: bool | None, rights: Rights, looked_for: bool) -> Vital:
    """How the database is, who reads along, and what one may do there."""
    says, cure, state = [f"{words} answered in {took_ms} ms."], "", "ok"
    if encrypted is not None:
        says.append(f"The connection is {'encrypted' if encrypted else 'not encrypted: the network can read along'}.")
        words += " · encrypted" if encrypted else " · not encrypted"
    if encrypted is False:
        state, cure = "warn", "Choose a TLS mode in Settings › Database."
    if rights.user:
        says.append(f"{rights.user} is {rights.role.value}: {MEANING[rights.role]}.")
    if not rights.may(Role.OPERATOR):
        says.append(ELSEWHERE)
        words += " · read only"
    if looked_for:
        says.append("What others change is looked for every second.")
    return Vital(state, f"Database {words}", " ".join(says), cure, "settings")


def trouble_sign(trouble: Trouble) -> Vital:
    """The database can be read and not be written."""
    cure = (
        f"{trouble.error.fix} Since {formats.clock(trouble.since_ms)} nothing can be recorded; what is there can be "
        "read, and Stripe is asked to deliver its events again."
    )
    return Vital("bad", "Database: only to be read", trouble.error.what, cure, "settings")


class Vitals(QObject):
    """Looks at server, Stripe, webhooks, database and keychain.

    Signals:
        changed: A sign's name.
        account_known: The Stripe account's name and id.
        health_known: The latest HealthReport of the watched server.
    """

    changed = Signal(str)
    account_known = Signal(str, str)
    health_known = Signal(object)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.signs = dict(UNKNOWN)
        self.health: HealthReport | None = None
        self.latencies: deque[int] = deque(maxlen=HISTORY)
        self._workspace = workspace
        self._console = workspace.console
        self._tasks = {name: LatestTask(self) for name in UNKNOWN}
        self._tasks["heartbeat"] = LatestTask(self)
        for name, task in self._tasks.items():
            task.failed.connect(lambda error, name=name: self._failed(name, error))
        self._looks = {
            "server": self._look_at_server,
            "stripe": self._look_at_stripe,
            "database": self._look_at_database,
        }
        self._turns = cycle(self._looks)
        self._health_timer = self._every(self._turn_ms, self.look_at_next)
        self._beat_timer = self._every(HEARTBEAT_EVERY_MS, self.beat)
        workspace.changed.connect(self._hear)

    def _every(self, pause_ms: int, work: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(pause_ms)
        timer.timeout.connect(work)
        return timer

    def start(self) -> None:
        """Look at once, then again and again."""
        self.look()
        self._start("keychain", self._look_at_keychain)
        self.beat()
        self._beat_timer.start()
        self._health_timer.start(self._turn_ms // 2)  # from then on it is between two heartbeats

    def close(self) -> None:
        for timer in (self._health_timer, self._beat_timer):
            timer.stop()
        for task in self._tasks.values():
            task.close()

    def look(self) -> None:
        """Look at everything that may change by itself."""
        for name, work in self._looks.items():
            self._start(name, work)

    @property
    def _turn_ms(self) -> int:
        """Each is looked at once in `health_every_s`."""
        return self._console.settings().health_every_s * 1000 // len(self._looks)

    def look_at_next(self) -> None:
        """In turn, since threads at work at the same moment wake each other up for Python's lock."""
        self._health_timer.setInterval(self._turn_ms)
        name = next(self._turns)
        self._start(name, self._looks[name])
        self._show_webhooks()

    def look_at_keychain(self) -> None:
        """Probe the keychain again."""
        self._start("keychain", self._look_at_keychain)

    def look_at_database(self) -> None:
        """Ask the database again; after a write that failed, try one."""
        self._start("database", self._look_at_database)

    def beat(self) -> None:
        """Send a heartbeat through the listener, if it is on."""
        if self._console.listener.on:
            self._start("heartbeat", self._beat)
        self._show_webhooks()

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if not self._tasks[name].running:
            self._tasks[name].start(work)

    def _set(self, name: str, vital: Vital) -> None:
        if self.signs[name] != vital:
            self.signs[name] = vital
            self.changed.emit(name)

    def _failed(self, name: str, error: OperatorError) -> None:
        target = "webhooks" if name == "heartbeat" else name
        page = {"stripe": "settings", "webhooks": "webhooks", "keychain": "settings"}.get(target, "server")
        self._set(target, Vital("bad", f"{target.capitalize()}: needs attention", error.what, error.fix, page))

    @Slot(object)
    def _hear(self, topics: frozenset[str]) -> None:
        if "safety" in topics:
            self._start("database", self._look_at_database)
        if "health" in topics:
            self._start("server", self._look_at_server)
        if "database" in topics:
            self._start("database", self._look_at_database)
        if topics & {"listener", "events", "cli"}:
            self._show_webhooks()

    def _watched_url(self) -> str:
        """The external server when one is configured and ours is off, else our own."""
        settings = self._console.settings()
        own = self._console.server
        return settings.external_health_url if settings.external_command and not own.running else own.url

    @property
    def _only_reads(self) -> bool:
        return not self._workspace.rights.may(Role.OPERATOR)

    async def _look_at_server(self) -> None:
        if self._only_reads and not self._console.settings().external_command:
            self._set("server", Vital("unknown", "Server: not from here", ELSEWHERE, "", "server"))
            return
        failure = self._console.server.failure
        if failure is not None and not self._console.server.running and not self._console.settings().external_command:
            self._set("server", Vital("bad", "Server off", failure.what, failure.fix, "server"))
            return
        report = await self._console.workers.probe.run(self._console.health, self._watched_url())
        self.health = report
        if report.latency_ms is not None:
            self.latencies.append(report.latency_ms)
        self.health_known.emit(report)
        if not report.reachable:
            vital = Vital("bad", "Server not reachable", report.words, report.cure, "server")
        elif not report.healthy:
            words = "Server: needs attention"
            if report.stripe_enabled is False:
                words = "Server: Stripe off"
            elif report.webhooks_enabled is False:
                words = "Server: webhooks off"
            vital = Vital("bad", words, report.words, report.cure, "server")
        else:
            vital = Vital("ok", f"Server healthy {report.latency_ms} ms", f"{report.words} {report.url}", "", "server")
        self._set("server", vital)

    async def _look_at_stripe(self) -> None:
        word = "sandbox" if self._console.environment is Environment.SANDBOX else self._console.environment.word
        started = self._workspace.now_ms()
        account = await self._console.workers.probe.run(lambda: self._console.stripe.gateway().account())
        took = self._workspace.now_ms() - started
        self.account_known.emit(account.name, account.id)
        reason = f"{isolated(account.name)} · {account.id} answered in {took} ms."
        off_ms = self._console.stripe.gateway().activity.clock_off_ms
        if off_ms is not None and abs(off_ms) >= CLOCK_OFF_MS:
            words = clock_words(off_ms // 1000)
            self._set("stripe", Vital("bad", "Clock wrong", words, CLOCK_CURE, "webhooks"))
            return
        self._set("stripe", Vital("ok", f"Stripe {word}", reason, "", "settings"))

    async def _look_at_database(self) -> None:
        store = self._console.store

        def look() -> tuple[int, list[Breach]]:
            started = self._workspace.now_ms()
            with store.read() as work:
                work.inbox.counts()
                broken = work.safety.breaches(1)
            took = self._workspace.now_ms() - started
            if store.trouble is not None:
                with suppress(OperatorError):  # it is still there
                    store.try_writing()
            return took, broken

        took, broken = await self._console.workers.database.run(look)
        trouble, looked_for = store.trouble, self._console.listening() is False
        sign = database_sign(store.words, took, store.encrypted, store.rights, looked_for)
        if (whole_ms := self._console.sweep.whole_ms) is not None:
            sign.reason += f" All of the books held when they were last walked through, at {formats.clock(whole_ms)}."
        if broken:
            what, cure = broken[0].difference.what, broken[0].difference.cure
            sign = Vital("bad", "Books: nothing is posted", what, cure, "activity")
        self._set("database", trouble_sign(trouble) if trouble else sign)

    async def _look_at_keychain(self) -> None:
        status = await self._console.workers.keychain.run(self._console.credentials.probe)
        if status.state == "ok":
            vital = Vital("ok", "Keychain open", status.words, "", "settings")
        elif self._console.environment is Environment.SANDBOX:
            vital = Vital("warn", "Keychain: secrets for this run only", status.words, status.cure, "settings")
        else:
            vital = Vital("bad", f"Keychain {status.state}: for this run only", status.words, status.cure, "settings")
        self._set("keychain", vital)

    async def _beat(self) -> None:
        await self._console.workers.probe.run(self._console.heartbeat)
        self._show_webhooks()

    def _show_webhooks(self) -> None:
        listener = self._console.listener
        if not listener.on and self._only_reads:
            self._set("webhooks", Vital("unknown", "Webhooks: not from here", ELSEWHERE, "", "webhooks"))
            return
        if not listener.on:
            cure = "Switch the listener on, on the Webhooks page."
            words = "The listener is off: payments are not noticed."
            self._set("webhooks", Vital("warn", "Webhooks off", words, cure, "webhooks"))
            return
        if listener.clock_off_s is not None:
            words = "Webhooks refused: clock wrong"
            self._set("webhooks", Vital("bad", words, clock_words(listener.clock_off_s), CLOCK_CURE, "webhooks"))
            return
        heard = listener.last_heard_ms
        if heard is None:
            return
        now = self._workspace.now_ms()
        since = formats.ago(heard, now)
        if now - heard > DEAF_AFTER_MS:
            reason = f"Nothing was heard since {formats.clock(heard)}, not even our own heartbeat."
            cure = "Switch the listener off and on again."
            self._set("webhooks", Vital("bad", f"Webhooks silent, heard {since}", reason, cure, "webhooks"))
        elif self._console.stripe_cli.status.state is CliState.ENDED:
            ended = self._console.stripe_cli.status
            words = "Webhooks: Stripe CLI ended"
            reason = f"Stripe's command line forwards no more events. {ended.reason}"
            self._set("webhooks", Vital("warn", words, reason, ended.cure, "webhooks"))
        else:
            reason = f"Listening at {listener.address}."
            self._set("webhooks", Vital("ok", f"Webhooks heard {since}", reason, "", "webhooks"))
