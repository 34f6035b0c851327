"""Pages of big tables, found by key and never by offset, so that row one million costs what row one does."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from bioql_console.domain.outbox import MessageState

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the sort value and the id of its last row."""

    value: str | int
    id: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order. `next_after` is None at the end."""

    rows: tuple[Row, ...]
    next_after: Cursor | None


@dataclass(frozen=True, slots=True)
class UserQuery:
    """What the Users page asks for.

    Args:
        text: Found anywhere in name, e-mail, Stripe customer or key hint; a number also finds the id.
        sort: "name", "email", "plan", "owed", "customer", "seen" or "created".
    """

    text: str = ""
    owes: bool = False
    no_customer: bool = False
    disabled: bool = False
    sort: str = "name"
    descending: bool = False

    @property
    def narrows_by_text_only(self) -> bool:
        return not (self.owes or self.no_customer or self.disabled)


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What the Webhooks page asks for.

    Args:
        attention: Only events that wait for an operator.
        types: Only event types that start with one of these.
    """

    text: str = ""
    attention: bool = False
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxQuery:
    """What the outbox on the Meter page asks for: messages in a state, refused with a code."""

    state: MessageState | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """What the Activity page asks for: text anywhere in operator, action, subject or reason."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class CheckoutQuery:
    """What the Payments page asks for: links in these states (values of CheckoutState), all when empty."""

    text: str = ""
    states: tuple[str, ...] = ()
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class MoneyBackQuery:
    """What lists of refunds and disputes ask for: of these kinds (values of MoneyBackKind), all when empty.

    Args:
        undecided: Only what a bank or Stripe has not decided yet.
    """

    text: str = ""
    kinds: tuple[str, ...] = ()
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class InvoiceQuery:
    """What lists of invoices ask for: in these states (values of InvoiceState), all when empty."""

    text: str = ""
    states: tuple[str, ...] = ()
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class TicketQuery:
    """What lists of support tickets ask for; `unresolved` ones come by urgency, else newest first."""

    text: str = ""
    unresolved: bool = False
    user_id: int | None = None
