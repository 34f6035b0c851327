"""A plan is lived: steps, time, and the moments at which everything has arrived."""

from tests.money.world import DAY, HOUR
from tests.simulation.invariants import Violation, require
from tests.simulation.machines import Machines
from tests.simulation.people import Person, owes_cents
from tests.simulation.plan import Step
from tests.simulation.process import Killed
from tests.simulation.universe import Fate, Universe

STEPS_OF_CLOCKS_S = (0, 0, 1, -1, 30, -30, 200, -200)
# Stripe lists events for 30 days, and takes usage for 35; an outage is shorter.
LONGEST_OUTAGE_S = 20 * DAY
# What Stripe may have counted is asked again while Stripe remembers its name. `test_meter_counts_once` goes further.
LONGEST_TRY_MS = 20 * HOUR * 1000
MOST_ROUNDS = 60
COLLECTS = frozenset(("pays a page", "pays by bank", "pays by a bank that bounces", "collects an invoice by hand"))
# A new card alone changes nothing that anybody has to hear of.
TIMES = frozenset(("minutes pass", "hours pass", "days pass", "month ends", "gets a new card"))


class Life(Machines):
    """Everything that a plan says, and what must hold meanwhile."""

    def __init__(self, universe: Universe) -> None:
        super().__init__(universe)
        universe.does = self.does
        self.calm = False
        self._rested_ms = universe.now_ms()

    def live(self) -> None:
        universe = self.universe
        universe.chance.begin(f"{universe.plan.seed}/opening")
        universe.start(0).meter.create_missing("tests")
        for number, card in enumerate(universe.plan.cards):
            self.register(card, number * len(universe.consoles))
        for step in universe.plan.steps:
            self.does(step)
        universe.chance.begin(f"{universe.plan.seed}/end")
        universe.tell("at the end everything arrives")
        self.everything_arrives(0)
        with universe.database.read() as work:
            found = work.verifier.run()
        require(found.ok, "verified", found.differences)

    def does(self, step: Step) -> None:
        """Do a step, with its troubles. Whatever process ends in it is gone afterwards."""
        universe, before = self.universe, getattr(self.universe, "step", step)
        universe.step = step
        universe.chance.begin(f"{universe.plan.seed}/{step.at}/{len(universe.fates)}")
        universe.tell(f"{'  ' * len(universe.fates)}{step.at:>4}  {step.words()}")
        universe.fates.append(Fate(step.troubles))
        was_calm, self.calm = self.calm, self.calm and step.name in TIMES
        owed = self._owed() if was_calm and step.name in COLLECTS else None
        try:
            getattr(self, step.name.lower().replace(" ", "_"))(step.who)
        except Killed:
            pass
        finally:
            universe.fates.pop()
            universe.step = before
        universe.watch.look_at_stripe()
        if owed is not None:
            self._nothing_else_was_collected(owed)
        for process in [each for each in universe.consoles if each is not None and each.dead]:
            universe.kill(process)

    # --- time ---

    def clock_steps(self, who: int) -> None:
        ahead = self.universe.ahead_ms
        ahead[who % len(ahead)] = STEPS_OF_CLOCKS_S[who // 4 % len(STEPS_OF_CLOCKS_S)] * 1_000

    def minutes_pass(self, who: int) -> None:
        self.passes(who % 1_200 + 1)

    def hours_pass(self, who: int) -> None:
        self.passes(HOUR * (who % 20 + 1))

    def days_pass(self, who: int) -> None:
        self.passes(DAY * (who % 9 + 1))

    def month_ends(self, _who: int) -> None:
        now = self.universe.now_ms() // 1000
        running = [each for each in self.universe.objects("subscription") if each["status"] != "canceled"]
        ends = [each["items"]["data"][0]["current_period_end"] for each in running]
        self.passes(min(ends) - now + 2 * HOUR if ends else 30 * DAY)

    def passes(self, seconds: int) -> None:
        """Time goes by. When all is known to both sides, everything that time brings about is heard of at once; else
        it is an outage."""
        universe = self.universe
        until_s = universe.now_ms() // 1000 + seconds
        if not self.calm and self._may_not_last(until_s * 1000):
            self.everything_arrives(0)
        if not self.calm:
            universe.advance(seconds)
            return
        while (now_s := universe.now_ms() // 1000) < until_s:
            job = universe.sandbox._store.next_job()
            owed = self._owed()
            universe.advance(min(until_s, max(now_s + 1, job[0] if job else until_s)) - now_s)
            universe.watch.look_at_stripe()
            self._nothing_else_was_collected(owed)
            self._settles()

    def _may_not_last(self, until_ms: int) -> bool:
        tried_ms = self.universe.watch.first_try_ms()
        broken_off = tried_ms is not None and until_ms - tried_ms > LONGEST_TRY_MS
        return broken_off or until_ms - self._rested_ms > LONGEST_OUTAGE_S * 1000

    # --- rest ---

    def everything_arrives(self, _who: int) -> None:
        """Nothing fails any more until all is known on both sides. Then everything must fit."""
        universe = self.universe
        universe.ahead_ms[:] = [0] * len(universe.ahead_ms)
        self._settles()
        self._everything_fits()
        self.calm, self._rested_ms = True, universe.now_ms()
        universe.watch.charges.clear()

    def _settles(self) -> None:
        self.universe.fates.append(Fate(()))
        for who in range(len(self.universe.consoles)):
            self.console_starts(who)
        # Of a page whose answer was lost nobody has the address, until an operator asks Stripe.
        self.universe.start(0).links.recover(lost_only=True)
        self._rounds()
        self.universe.fates.pop()

    def _rounds(self) -> None:
        for _ in range(MOST_ROUNDS):
            moved = bool(self.wishes)
            for wish in list(self.wishes):
                self.press(wish, 0)
            moved |= self._all_mail_arrives()
            sent = self._all_is_sent()
            self._what_was_lost_is_found()
            self.universe.collect_mail()
            waiting = self.universe.watch.waiting()
            coming = waiting or self.universe.mail or self.universe.lost or self.wishes or self._reports_come()
            if not (moved or sent or coming):
                return
            self.universe.advance(10 if moved or sent or self.universe.mail else 15 * 60)
        raise Violation("nothing waits", "It never comes to rest.")

    def _reports_come(self) -> bool:
        """Of usage that Stripe took, and will say later that it refused."""
        found = self.universe.sandbox._store.db.execute("SELECT count(*) FROM meter_errors").fetchone()
        return bool(found[0])

    def _all_mail_arrives(self) -> bool:
        universe = self.universe
        universe.collect_mail()
        mail, universe.mail = universe.mail, []
        process = universe.start(0)
        if not universe.plan.in_order:
            universe.chance.dice.shuffle(mail)
        if mail:
            universe.deliver(process, mail)
        if universe.watch.received():
            process.applier.apply_waiting()
        return bool(mail)

    def _all_is_sent(self) -> int:
        sent = 0
        for who in range(len(self.universe.consoles)):
            if self.universe.watch.waiting():
                process = self.universe.start(who)
                sent += process.outbox.send_due() + process.reports.run_due()
        if refused := self.universe.watch.refused():
            sent += self.universe.start(0).corrections.send_again(refused, "ana")
        return sent

    def _what_was_lost_is_found(self) -> None:
        universe = self.universe
        if universe.lost:
            process = universe.start(0)
            process.missed.catch_up()
            process.applier.apply_waiting()
            universe.lost -= universe.watch.here(universe.lost)

    def _everything_fits(self) -> None:
        universe, watch = self.universe, self.universe.watch
        watch.look()
        watch.look_at_rest()
        for person in self.people:
            user = universe.user(person.id)
            net = (user.balance.owed_micros - user.balance.available_credit_micros) // 10_000
            written_off = watch.written_off_micros[person.id] // 10_000
            truth = owes_cents(person, universe.objects, written_off)
            require(net == truth, "truth", f"user {person.id}: books {net}, truth {truth}")
            if user.stripe_subscription_id:
                position = universe.stripe_position_cents(user) + universe.left_to_links_cents(user.id)
                require(position == net, "collected once", f"user {person.id}: Stripe {position}, books {net}")
            pages = universe.objects("checkout.session", customer=person.customer)
            asked = [each["amount_total"] for each in pages if each["status"] == "open"]
            require(len(asked) < 2, "one page", f"user {person.id}")
            owed = watch.owed_cents(person.id)
            require(sum(asked) <= max(0, owed), "no page asks too much", f"user {person.id}: {asked} of {owed}")

    # --- nothing is collected that is not owed ---

    def _owed(self) -> dict[str, int]:
        # What was charged while the last news arrived was owed then.
        self.universe.watch.look_at_stripe()
        self.universe.watch.charges.clear()
        return {person.customer: self._may_be_collected_cents(person) for person in self.people}

    def _may_be_collected_cents(self, person: Person) -> int:
        """What is owed, and what was written off and may be paid after all."""
        written_off = self.universe.objects("invoice", customer=person.customer, status="uncollectible")
        owed = max(0, self.universe.watch.owed_cents(person.id))
        return owed + sum(each["amount_remaining"] for each in written_off)

    def _nothing_else_was_collected(self, owed: dict[str, int]) -> None:
        for charge in self.universe.watch.charges:
            if charge["status"] != "failed":
                left = owed.get(charge["customer"], 0) - charge["amount"]
                words = f"{charge['amount']} cents were collected of {owed.get(charge['customer'], 0)} owed"
                require(left >= 0, "nothing owed, nothing collected", words)
                owed[charge["customer"]] = left
