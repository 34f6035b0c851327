"""What deliveries and consoles do by themselves."""

import json
from collections.abc import Callable

from bioql_console.domain.meter_errors import METER_REPORTS
from bioql_console.services.event_decisions import DECISIONS
from tests.simulation.acts import Acts
from tests.simulation.process import Process

MATTERS = frozenset((*DECISIONS, *METER_REPORTS))


class Machines(Acts):
    """Every step that is no person's."""

    def beside(self, thread: str, who: int, act: Callable[[Process], object]) -> None:
        """A process's thread does it, unless it is at something already."""
        if who % 3 == 0:
            self.console_starts(who)
        process = self.universe.running(who)
        if process is None or thread in process.busy:
            return
        process.busy.add(thread)
        try:
            with self.known_failures(thread):
                act(process)
        finally:
            process.busy.discard(thread)

    # --- deliveries ---

    def stripe_delivers(self, who: int) -> None:
        universe = self.universe
        process = universe.running(who)
        universe.collect_mail()
        if process is None or not universe.mail:
            return
        many = min(len(universe.mail), who % 6 + 1)
        chosen = universe.mail[:many] if universe.plan.in_order else universe.chance.dice.sample(universe.mail, many)
        universe.mail = [each for each in universe.mail if each not in chosen]
        universe.deliver(process, chosen)
        if who % 4:
            self.console_applies(who)

    def stripe_delivers_again(self, who: int) -> None:
        universe = self.universe
        process = universe.running(who)
        if process is not None and universe.delivered:
            universe.deliver(process, [universe.chance.dice.choice(universe.delivered) for _ in range(who % 3 + 1)])
            self.console_applies(who)

    def stripe_tells_twice(self, who: int) -> None:
        """The same once more as an event of another id, which Stripe says may happen."""
        universe = self.universe
        process = universe.running(who)
        told = [json.loads(body) for _, body in universe.delivered]
        known = {event["id"] for event in told}
        once = [each for each in told if each["object"] == "event" and f"{each['id']}2" not in known]
        if process is not None and once:
            again = once[who % len(once)]
            again["id"] += "2"
            universe.deliver(process, [(again["id"], json.dumps(again).encode())])
            self.console_applies(who)

    def a_delivery_is_lost(self, who: int) -> None:
        """For good: only Stripe's list has it then, where a console looks for what matters to it. The twin that
        `Stripe tells twice` makes up isn't in the list, and says nothing new."""
        self.universe.collect_mail()
        if self.universe.mail:
            event_id, body = self.universe.mail.pop(who % len(self.universe.mail))
            event = json.loads(body)
            if event["type"] in MATTERS and self.universe.sandbox._store.get(event["object"], event_id):
                self.universe.lost.add(event_id)

    # --- consoles ---

    def console_applies(self, who: int) -> None:
        if self.universe.watch.received():
            self.beside("applier", who, lambda process: process.applier.apply_waiting())

    def console_sends(self, who: int) -> None:
        most = (500, 500, 1, 3)[who % 4]

        def send(process: Process) -> None:
            process.outbox.send_due(most)
            process.reports.run_due()

        if self.universe.watch.waiting():
            self.beside("outbox", who // 2, send)

    def console_fetches(self, who: int) -> None:
        self.beside("polling", who, lambda process: process.missed.catch_up())

    def console_asks_after_links(self, who: int) -> None:
        self.beside("links", who, lambda process: process.links.recover(lost_only=bool(who % 2)))

    def console_is_killed(self, who: int) -> None:
        process = self.universe.running(who)
        if process is not None:
            self.universe.kill_in(process)

    def console_starts(self, who: int) -> None:
        """And finishes what a crash left, as the core does."""
        if self.universe.running(who) is None:
            self.universe.start(who)
            self.beside("links", who, lambda process: process.links.recover(lost_only=True))
            self.console_applies(who)
