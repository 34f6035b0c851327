"""A customer's own runs, invoices and requests for help."""

from starlette.requests import Request
from starlette.responses import Response

from bioql_console.domain.invoices import Invoice, InvoiceState
from bioql_console.domain.money import MICROS_PER_CENT, json_dollars
from bioql_console.domain.paging import Cursor, InvoiceQuery, Page
from bioql_console.domain.statements import MonthInvoice, month_invoices
from bioql_console.domain.tickets import LONGEST_MESSAGE, LONGEST_SUBJECT, Priority
from bioql_console.domain.usage import Usage
from bioql_console.domain.users import User
from bioql_console.server import dev_answers
from bioql_console.server.gate import Gate
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import Answer, ApiError, blocking, json_body
from bioql_console.server.values import choice_of, iso, iso_day, next_page, own_id, page_of, text_of

# A draft still changes; Stripe shows none to a customer either.
SHOWN = tuple(state.value for state in InvoiceState if state is not InvoiceState.DRAFT)


class OwnRowsApi:
    """`/billing/usage/…`, `/billing/invoices/…`, `/dashboard/invoices` and `/support/ticket`."""

    def __init__(self, parts: ServerParts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    async def usage(self, request: Request) -> Response:
        user = await self._owner(request)
        after, limit = page_of(request)
        if user is None:
            return Answer(dev_answers.usage_rows(self._parts.now_ms()))
        page = await blocking(self._parts, self._usage_page, user, after, limit)
        rows = [_usage_row(usage) for usage in page.rows]
        return Answer({"user_id": user.id, "usage": rows, "next": next_page(page.next_after)})

    async def invoices(self, request: Request) -> Response:
        user = await self._owner(request)
        after, limit = page_of(request)
        if user is None:
            return Answer(dev_answers.invoice_rows(self._parts.now_ms()))
        page = await blocking(self._parts, self._invoice_page, user, after, limit)
        months = await blocking(self._parts, self._months, user)
        return Answer(
            {
                "user_id": user.id,
                "current_balance": json_dollars(user.balance.owed_micros),
                "invoices": [_invoice_row(invoice) for invoice in page.rows],
                "months": [_month_row(month) for month in months],
                "next": next_page(page.next_after),
            }
        )

    async def months(self, request: Request) -> Response:
        user = await self._gate.bearer(request)
        if user is None:
            return Answer(dev_answers.invoices(self._parts.now_ms()))
        months = await blocking(self._parts, self._months, user)
        return Answer(
            {
                "current_balance": json_dollars(user.balance.owed_micros),
                "credit": json_dollars(user.balance.available_credit_micros),
                "invoices": [_month_row(month) for month in months],
            }
        )

    async def ticket(self, request: Request) -> Response:
        user = await self._gate.bearer(request)
        body = await json_body(request)
        priority = choice_of(body, "priority", Priority)
        subject, message = text_of(body, "subject", LONGEST_SUBJECT), text_of(body, "message", LONGEST_MESSAGE)
        if user is None:
            return Answer(dev_answers.ticket(), 201)
        ticket = await blocking(self._parts, self._parts.support.open, user.id, priority, subject, message)
        words = "We have received your request and will answer by e-mail"
        return Answer({"ticket_id": ticket.id, "status": "created", "message": words}, 201)

    async def _owner(self, request: Request) -> User | None:
        """The caller, who must be the one in the address. Whether there is another one with that id stays unsaid."""
        user = await self._gate.bearer(request)
        own = dev_answers.USER_IDS if user is None else (str(user.id),)
        if request.path_params["user_id"] not in own:
            raise ApiError(403, "These rows are another user's")
        return user

    def _usage_page(self, user: User, after: Cursor | None, limit: int) -> Page[Usage]:
        with self._parts.store.read() as work:
            return work.usage.page(user.id, after, limit)

    def _invoice_page(self, user: User, after: Cursor | None, limit: int) -> Page[Invoice]:
        with self._parts.store.read() as work:
            return work.invoices.page(InvoiceQuery(states=SHOWN, user_id=user.id), after, limit)

    def _months(self, user: User) -> list[MonthInvoice]:
        with self._parts.store.read() as work:
            months = work.receivables.months(user.id)
        terms = self._parts.payment_terms_days
        return month_invoices(user.id, months, user.balance.owed_micros, self._parts.now_ms(), terms)


def _usage_row(usage: Usage) -> dict[str, object]:
    return {
        "usage_id": own_id(usage),
        "date": iso(usage.at_ms),
        "backend": usage.backend,
        "shots": usage.shots,
        "cost": json_dollars(usage.cost_micros),
        "success": usage.succeeded,
    }


def _invoice_row(invoice: Invoice) -> dict[str, object]:
    return {
        "id": invoice.id,
        "number": invoice.number,
        "date": iso_day(invoice.created_ms),
        "due_date": None if invoice.due_ms is None else iso_day(invoice.due_ms),
        "amount": json_dollars(invoice.total_cents * MICROS_PER_CENT),
        "paid": json_dollars(invoice.paid_cents * MICROS_PER_CENT),
        "open": json_dollars(invoice.remaining_cents * MICROS_PER_CENT),
        "status": invoice.state.value,
        "url": invoice.url or None,
    }


def _month_row(month: MonthInvoice) -> dict[str, object]:
    return {
        "id": month.id,
        "date": iso_day(month.date_ms),
        "description": f"Quantum computing usage {month.month}",
        "amount": json_dollars(month.amount_micros),
        "status": month.status.value,
        "open": json_dollars(month.open_micros),
    }
