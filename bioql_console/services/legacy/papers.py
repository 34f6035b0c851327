"""Invoices and support tickets of the file."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from bioql_console.domain.imports import IMPORTED
from bioql_console.domain.invoices import ORDER, Invoice, InvoiceState
from bioql_console.domain.legacy import INVOICE_STATES, PRIORITIES, TICKET_STATES, micros_of, text_of, word_of
from bioql_console.domain.money import cents_half_up
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.services.legacy.job import Job, Owned, Page, Person, report_orphan
from bioql_console.services.legacy.money import INVOICE_KEY, Part, Parts
from bioql_console.services.legacy.ports import LegacyRow

INVOICES = "stripe_invoices"
TICKETS = "support_tickets"
PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
State = TypeVar("State", Priority, TicketState)
BEFORE = "Resolved before it was brought in."


@dataclass(frozen=True, slots=True)
class _Paper:
    """An invoice of the file; `micros` is what was paid on it, 0 while it is not paid."""

    row_id: int | str | None
    person: Person
    invoice: Invoice
    micros: int
    paid_ms: int


class InvoicesOfFile:
    """Turns rows of `stripe_invoices` into invoices, and paid ones into parts of what is owed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rows = Owned(job.source.rows(INVOICES))
        self._repeated = job.source.repeated(INVOICES, "stripe_invoice_id")

    def page(self, page: Page, posted: dict[str, tuple[int, int]]) -> Parts:
        """Store the invoices of a page of users; what was paid on them, by user.

        Args:
            posted: What earlier imports posted, by user and key.
        """
        rows = list(self._rows.of(page))
        self._job.watch.step(len(rows), "invoices")
        papers = list(self._read_all(rows, page))
        here = self._job.known.invoices_here([paper.invoice.id for paper in papers])
        parts: Parts = defaultdict(list)
        fresh = []
        for paper in papers:
            invoice, key = paper.invoice, f"{INVOICE_KEY}{paper.invoice.id}"
            if invoice.id not in here:
                fresh.append(invoice)
            elif not self._ours(paper, here[invoice.id], f"{paper.person.legacy_id}/{key}" in posted):
                continue
            memo = f"Brought in: invoice {invoice.id} paid"
            parts[paper.person.legacy_id].append(Part(key, -paper.micros, paper.paid_ms, memo))
            self._job.tally.paid_micros += paper.micros
            self._job.tally.brought.invoices += 1
        self._job.sink.add_invoices(fresh)
        self._job.tally.added.invoices += len(fresh)
        return parts

    def _ours(self, paper: _Paper, here: tuple[int, str, str], posted: bool) -> bool:
        """Whether an invoice that is here came from this file; else its money may be counted already."""
        user_id, reason, state = here
        if user_id == paper.person.user_id and (posted or (self._job.grown and reason == IMPORTED)):
            self._follow(paper, InvoiceState(state))
            return True
        words = "The ledger knows this invoice from Stripe already; left out, and nothing was counted for it."
        if user_id != paper.person.user_id:
            words = f"The ledger has this invoice as one of user {user_id}; left out."
        self._job.problem(INVOICES, paper.row_id, "is here already", words, left_out=True)
        return False

    def _follow(self, paper: _Paper, here: InvoiceState) -> None:
        if ORDER[paper.invoice.state] > ORDER[here]:
            self._job.sink.follow_invoice(paper.invoice)
            self._job.tally.added.invoice_changes += 1
        elif paper.invoice.state is not here:
            words = f"It is {paper.invoice.state.value} in the file and {here.value} here, where that was not changed."
            self._job.problem(INVOICES, paper.row_id, "state differs from here", words)

    def _read_all(self, rows: list[LegacyRow], page: Page) -> Iterator[_Paper]:
        for row in rows:
            owner, row_id, *values = row
            person = page.people.get(owner)
            if person is None:
                report_orphan(self._job, page, INVOICES, owner, row_id)
                continue
            paper = self._read(person, row_id, values)
            if paper is not None:
                yield paper

    def _read(self, person: Person, row_id: int | str | None, values: list[object]) -> _Paper | None:
        job = self._job
        name, customer, amount, status, link, created, paid = values
        invoice_id = self._id(row_id, text_of(name))
        if invoice_id is None:
            return None
        try:
            micros = micros_of(amount)
        except ValueError as wrong:
            job.problem(INVOICES, row_id, f"amount {wrong}", f"amount {wrong}; left out.", left_out=True)
            return None
        state = self._state(row_id, status)
        self._compare_customer(person, row_id, text_of(customer))
        made_ms = job.time_of(INVOICES, row_id, "created_at", created, job.now_ms)
        is_paid = state is InvoiceState.PAID
        paid_ms = job.time_of(INVOICES, row_id, "paid_at", paid, made_ms) if is_paid else made_ms
        cents = cents_half_up(micros)
        invoice = Invoice(
            id=invoice_id,
            user_id=person.user_id,
            number="",
            state=state,
            reason=IMPORTED,
            total_cents=cents,
            due_cents=cents,
            paid_cents=cents if is_paid else 0,
            created_ms=made_ms,
            period_start_ms=made_ms,
            period_end_ms=made_ms,
            # Stripe does not know a number of ours, so nothing will ever be collected on it.
            settled_cents=0 if text_of(name) or is_paid else cents,
            url=text_of(link) if text_of(link).startswith("https://") else "",
        )
        return _Paper(row_id, person, invoice, micros if is_paid else 0, paid_ms)

    def _id(self, row_id: int | str | None, name: str) -> str | None:
        """Stripe's id, or one of our own for a row without."""
        job = self._job
        if not name and row_id is not None:
            if job.source.has(INVOICES, "stripe_invoice_id"):
                job.problem(INVOICES, row_id, "no invoice id", "It has no invoice id; brought in under one of ours.")
            return f"import-{job.lineage}-{row_id}"
        if not PLAIN_ID.fullmatch(name):
            job.problem(INVOICES, row_id, "odd invoice id", "Its invoice id can't be one; left out.", left_out=True)
            return None
        if (first := self._repeated.get(name, row_id)) != row_id:
            words = f"Its invoice id is that of row {first}; left out."
            job.problem(INVOICES, row_id, "invoice id twice", words, left_out=True)
            return None
        return name

    def _state(self, row_id: int | str | None, status: object) -> InvoiceState:
        state = INVOICE_STATES.get(word_of(status))
        if state is None and self._job.source.has(INVOICES, "status"):
            words = "Its status is none that we know; it counts as open, and nothing as paid on it."
            self._job.problem(INVOICES, row_id, "unknown status", words)
        return state or InvoiceState.OPEN

    def _compare_customer(self, person: Person, row_id: int | str | None, customer: str) -> None:
        own = person.new.stripe_customer_id
        if customer and own and customer != own:
            words = f"It names another Stripe customer than its user {person.legacy_id} has; it went to the user."
            self._job.problem(INVOICES, row_id, "another customer", words)


class TicketsOfFile:
    """Turns rows of `support_tickets` into tickets."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rows = Owned(job.source.rows(TICKETS))
        self._repeated = job.source.repeated(TICKETS, "ticket_id")

    def page(self, page: Page) -> None:
        """Store the tickets of a page of users."""
        job = self._job
        rows = list(self._rows.of(page))
        job.watch.step(len(rows), "tickets")
        read = [(row[1], self._read(row, page)) for row in rows]
        here = job.known.tickets_here([ticket.id for _, ticket in read if ticket is not None])
        fresh = []
        for row_id, ticket in read:
            if ticket is None:
                continue
            if ticket.id not in here:
                fresh.append(ticket)
            elif not job.grown or here[ticket.id][0] != ticket.user_id:
                job.problem(TICKETS, row_id, "is here already", "A ticket of this id is here; left out.", left_out=True)
                continue
            elif ticket.state is TicketState.RESOLVED and here[ticket.id][1] == TicketState.OPEN.value:
                job.problem(
                    TICKETS, row_id, "resolved since", "It was resolved since it was brought in; still open here."
                )
            job.tally.brought.tickets += 1
        job.sink.add_tickets(fresh)
        job.tally.added.tickets += len(fresh)

    def _read(self, row: LegacyRow, page: Page) -> Ticket | None:
        job = self._job
        owner, row_id, name, priority, subject, message, status, created, resolved = row
        person = page.people.get(owner)
        if person is None:
            report_orphan(job, page, TICKETS, owner, row_id)
            return None
        ticket_id = text_of(name) or f"TKT-import-{job.lineage}-{row_id}"
        if (first := self._repeated.get(ticket_id, row_id)) != row_id:
            words = f"Its ticket id is that of row {first}; left out."
            job.problem(TICKETS, row_id, "ticket id twice", words, left_out=True)
            return None
        made_ms = job.time_of(TICKETS, row_id, "created_at", created, job.now_ms)
        done = self._word(row_id, "status", TICKET_STATES, status, TicketState.OPEN) is TicketState.RESOLVED
        return Ticket(
            id=ticket_id,
            user_id=person.user_id,
            priority=self._word(row_id, "priority", PRIORITIES, priority, Priority.MEDIUM),
            subject=text_of(subject) or "(no subject)",
            message=text_of(message),
            state=TicketState.RESOLVED if done else TicketState.OPEN,
            created_ms=made_ms,
            resolved_ms=job.time_of(TICKETS, row_id, "resolved_at", resolved, made_ms) if done else None,
            resolution=BEFORE if done else "",
        )

    def _word(
        self, row_id: int | str | None, column: str, words: dict[str, State], found: object, otherwise: State
    ) -> State:
        known = words.get(word_of(found))
        if known is None and text_of(found):
            said = f"Its {column} is none that we know; it counts as {otherwise.value}."
            self._job.problem(TICKETS, row_id, f"unknown {column}", said)
        return known if known is not None else otherwise
