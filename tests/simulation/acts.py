"""What each step of a plan does."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bioql_console.domain.checkout import AmountRefused
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.users import User
from bioql_console.services.registration import EmailTaken
from tests.money.histories import CARDS
from tests.money.money_goes_back import MoneyGoesBack
from tests.money.world import BACK
from tests.simulation.people import Person, Wish
from tests.simulation.process import Process
from tests.simulation.universe import Universe

# What a page answers once it is paid.
SEE_OTHER = 303
NAMES = ("ada", "bo", "cy")
# Who meets one of these is told what to do, and asks again or lets it be.
KNOWN = frozenset(
    ("stripe.unreachable", "stripe.failed", "stripe.busy", "stripe.rate_limited", "db.io", "checkout.paying")
) | frozenset(
    ("checkout.busy", "checkout.changed", "refund.changed", "refund.disputed", "refund.amount", "refund.unknown")
)
FOR_GOOD = frozenset(("refund.changed", "refund.disputed", "refund.amount", "refund.unknown"))


class Acts(MoneyGoesBack):
    """People, operators and banks; the machines are in `Machines`."""

    def __init__(self, universe: Universe) -> None:
        self.universe: Universe = universe
        self.world: Any = universe
        self.people: list[Person] = []
        self.wishes: list[Wish] = []

    # --- asking a console ---

    def ask(self, wish: Wish, who: int) -> None:
        """Ask for it once; when it is not answered it stays a wish."""
        self.wishes.append(wish)
        self.press(wish, who)

    def press(self, wish: Wish, who: int) -> None:
        process = self.universe.running(who)
        if process is None or wish.thread in process.busy:
            return
        if wish.thread:
            process.busy.add(wish.thread)
        answered: list[Any] = []
        try:
            more = ("stripe.refused",) if wish.refusable else ()
            with self.known_failures(wish.words, *more) as failures:
                answered.append(wish.ask(process))
                if not self.universe.answers():
                    answered.clear()
        finally:
            process.busy.discard(wish.thread)
        if wish not in self.wishes:
            return  # it was asked for elsewhere meanwhile, and answered there
        if answered or any(error.code in (*FOR_GOOD, *more) for error in failures):
            self.wishes.remove(wish)
        for answer in answered:
            wish.granted(answer)

    @contextmanager
    def known_failures(self, words: str, *more: str) -> Iterator[list[OperatorError]]:
        """Who meets one of the failures that operators know goes on with something else."""
        met: list[OperatorError] = []
        try:
            yield met
        except OperatorError as error:
            self.universe.tell(f"      {words}: {error}")
            if error.code not in (*KNOWN, *more):
                raise
            met.append(error)

    def person(self, who: int) -> Person | None:
        return self.people[who % len(self.people)] if self.people else None

    # --- users ---

    def registers(self, who: int) -> None:
        if len(self.people) + sum(wish.thread == "registration" for wish in self.wishes) < len(NAMES):
            self.register(CARDS[who % len(CARDS)], who)

    def register(self, card: str | None, who: int) -> None:
        number = len(self.people) + sum(wish.thread == "registration" for wish in self.wishes)
        email = f"{NAMES[number]}@uni.example"

        def ask(process: Process) -> User | None:
            with suppress(EmailTaken):  # a try before was stored, and its answer lost
                return process.registration.register(NAMES[number], email, card).user
            with process.database.read() as work:
                return work.users.by_email(email)

        def granted(user: User) -> None:
            self.people.append(Person(user.id, user.stripe_customer_id or "", card))

        self.ask(Wish(f"{NAMES[number]} registers", "registration", ask, granted), who)

    def uses(self, who: int) -> None:
        self._run(who, who // 7 % 400 + 1)

    def uses_much(self, who: int) -> None:
        self._run(who, who // 7 % 2_000 + 500)

    def _run(self, who: int, shots: int) -> None:
        if person := self.person(who):
            name = f"run{self.universe.step.at}-{who}-{self.universe.chance.dice.getrandbits(32):x}"

            def ask(process: Process) -> int:
                with process.database.read() as work:
                    user = work.users.get(person.id)
                assert user is not None
                return process.usage.record(user, shots=shots, backend="ionq_qpu", usage_id=name).cost_micros

            def granted(micros: int) -> None:
                person.used_cents += micros // 10_000

            self.ask(Wish(f"run of {shots} shots", "", ask, granted), who)

    def asks_for_a_link(self, who: int) -> None:
        process, person = self.universe.running(who), self.person(who // 3)
        if process is None or person is None or "links" in process.busy:
            return
        process.busy.add("links")
        try:
            with self.known_failures("links"), suppress(AmountRefused):
                link = process.links.open(person.id, **BACK)
                person.addresses.append(link.url)
                self.universe.tell(f"      a page for {link.amount_cents} cents")
        finally:
            process.busy.discard("links")

    def pays_a_page(self, who: int, **how: str) -> None:
        """Any page that was ever opened may still be open somewhere; mostly it is the last one."""
        person = self.person(who // 3)
        if person is None:
            return
        pages, paid = person.addresses, person.paid
        if not pages or pages[-1] in paid:
            self.asks_for_a_link(who)
        if pages:
            page = pages[-1] if who % 4 else pages[who // 5 % len(pages)]
            status = self.universe.pay(page, **how)
            self.universe.tell(f"      paid, status {status}")
            paid.update([page] if status == SEE_OTHER else [])

    def pays_by_bank(self, who: int) -> None:
        self.pays_a_page(who, bank_debit="succeeds")

    def pays_by_a_bank_that_bounces(self, who: int) -> None:
        self.pays_a_page(who, bank_debit="bounces")

    def presses_again(self, who: int) -> None:
        if self.wishes:
            self.press(self.wishes[who % len(self.wishes)], who)

    def gets_a_new_card(self, who: int) -> None:
        person = self.person(who)
        if person and person.card is not None:
            api = self.universe.stripe.gateway().v1
            method = api.payment_methods.attach(CARDS[who // 3 % 2], {"customer": person.customer}).id
            api.customers.update(person.customer, {"invoice_settings": {"default_payment_method": method}})

    # --- operators ---

    def adjusts(self, who: int) -> None:
        cents, person = who % 20_000 - 10_000, self.person(who // 5)
        if person is None or not cents:
            return
        # Several may come in one step, each between two requests of somebody else, and draw the same.
        name = f"adjustment{self.universe.step.at}-{who}-{self.universe.chance.dice.getrandbits(32):x}"

        def ask(process: Process) -> None:
            process.users.adjust(person.id, cents * 10_000, "ana", "as agreed", name)

        def granted(_: None) -> None:
            person.adjusted_cents += cents

        self.ask(Wish(f"adjustment of {cents} cents", "", ask, granted), who)

    def refunds(self, who: int) -> None:
        """Some of a payment, and half of the time the debt that comes back is forgiven."""
        process = self.universe.running(who)
        rows = self.universe.rows("SELECT source_id FROM journal_entries WHERE kind = 'payment' ORDER BY id")
        if process is None or not rows:
            return
        ((payment,), forgive) = rows[who % len(rows)], bool(who % 2)
        if payment.startswith("in_"):
            found = self.universe.rows(
                "SELECT payment_intent FROM invoice_payments WHERE invoice_id = :payment", payment=payment
            )
            if not found:
                return
            payment = found[0][0]
        seen = process.refunds.look(payment)
        if seen.left_cents <= 0:
            return
        cents, note = who % seen.left_cents + 1, f"asked for at {self.universe.step.at}"
        person = next(each for each in self.people if each.id == seen.user.id)
        reason = RefundReason.REQUESTED

        def granted(_made: str) -> None:
            person.adjusted_cents -= cents if forgive else 0

        def ask(process: Process) -> str:
            return process.refunds.refund(seen, cents, reason, note, "ana", forgive=forgive)

        self.ask(Wish(f"refund of {cents} cents of {payment}", "", ask, granted, refusable=True), who)

    def refunds_at_stripe(self, who: int) -> None:
        self._refunded(who)

    def voids_an_invoice(self, who: int) -> None:
        if invoice := self._invoice(who, "open"):
            self.universe.stripe.gateway().v1.invoices.void_invoice(invoice)

    def writes_an_invoice_off(self, who: int) -> None:
        if invoice := self._invoice(who, "open"):
            self.universe.stripe.gateway().v1.invoices.mark_uncollectible(invoice)

    def collects_an_invoice_by_hand(self, who: int) -> None:
        """Somebody lets Stripe charge a good card for it."""
        if invoice := self._invoice(who, "open", "uncollectible"):
            api = self.universe.stripe.gateway().v1
            customer = api.invoices.retrieve(invoice).customer
            method = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
            api.invoices.pay(invoice, {"payment_method": method})

    def _invoice(self, who: int, *statuses: str) -> str | None:
        found = [each for status in statuses for each in self.universe.objects("invoice", status=status)]
        return found[who % len(found)]["id"] if found else None

    # --- banks, and Stripe itself ---

    def refund_fails(self, who: int) -> None:
        """One that was made; where there is none, it is made first."""
        if all(each["status"] == "failed" for each in self.universe.objects("refund")):
            self._refunded(who)
        self._refund_fails(who)

    def bank_disputes(self, who: int) -> None:
        self._disputed(who)

    def bank_asks(self, who: int) -> None:
        self._bank_asks(who)

    def bank_goes_on(self, who: int) -> None:
        self._bank_goes_on(who)

    def meter_refuses_usage(self, who: int) -> None:
        """Some of the next is taken, and refused by a report later."""
        self.universe.control("meter_errors", code="meter_event_customer_not_found", count=who % 3 + 1)
