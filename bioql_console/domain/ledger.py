"""The double-entry ledger: accounts, entries, and what each business fact posts.

Sign convention: a debit is positive, a credit negative, and every entry sums to zero.
`receivable` is what a user owes us, `customer_credit` (≤ 0) is what we owe a user: welcome credit and
overpayments. Credit is used up before anything is owed, so at most one of the two is non-zero per user.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from bioql_console.domain.money import USD


class Account(Enum):
    """The chart of accounts."""

    RECEIVABLE = "receivable"
    CUSTOMER_CREDIT = "customer_credit"
    USAGE_REVENUE = "usage_revenue"
    STRIPE_CLEARING = "stripe_clearing"
    BANK = "bank"
    PROMOTIONS = "promotions"
    ADJUSTMENTS = "adjustments"
    DISPUTES = "disputes"
    WRITE_OFFS = "write_offs"
    OPENING = "opening"
    ROUNDING = "rounding"


PER_USER = frozenset({Account.RECEIVABLE, Account.CUSTOMER_CREDIT})


class EntryKind(Enum):
    """Why an entry exists. With its source it is unique, which makes every posting exactly-once."""

    USAGE = "usage"
    PAYMENT = "payment"
    REFUND = "refund"
    WELCOME_CREDIT = "welcome_credit"
    ADJUSTMENT = "adjustment"
    DISPUTE_HOLD = "dispute_hold"
    DISPUTE_RELEASE = "dispute_release"
    WRITE_OFF = "write_off"
    OPENING = "opening"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of an entry. `user_id` is set exactly for the per-user accounts."""

    account: Account
    micros: int
    user_id: int | None = None

    def __post_init__(self) -> None:
        if (self.account in PER_USER) != (self.user_id is not None):
            raise ValueError(f"{self.account.value} and user {self.user_id} don't go together")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A balanced, immutable business fact.

    Args:
        source_type: What caused it, e.g. "payment_intent"; unique together with kind and source_id.
        effective_ms: When it took effect in the business's eyes; the row's own time says when we learnt of it.
        operator: Who posted it: an operator's name, or "system".
        reverses: Id of the entry that this one takes back.
    """

    kind: EntryKind
    source_type: str
    source_id: str
    effective_ms: int
    postings: tuple[Posting, ...]
    memo: str = ""
    operator: str = "system"
    reverses: int | None = None
    currency: str = USD

    def __post_init__(self) -> None:
        if len(self.postings) < 2 or sum(posting.micros for posting in self.postings) != 0:
            raise ValueError(f"{self.kind.value} entry for {self.source_id} does not balance")


@dataclass(frozen=True, slots=True)
class Balance:
    """What one user owes, and the credit told apart from it.

    Args:
        version: Grows with every entry that touches the user; names the balance that a Checkout link is for.
    """

    receivable_micros: int = 0
    credit_micros: int = 0
    version: int = 0

    @property
    def owed_micros(self) -> int:
        """What is owed, never negative."""
        return max(0, self.receivable_micros)

    @property
    def available_credit_micros(self) -> int:
        """Prepaid or overpaid money of the user, never negative."""
        return max(0, -self.credit_micros)


def _charge_user(user_id: int, balance: Balance, micros: int) -> list[Posting]:
    """The user's side of a charge: credit is used first, the rest becomes owed."""
    from_credit = min(micros, balance.available_credit_micros)
    return _non_zero(
        Posting(Account.CUSTOMER_CREDIT, from_credit, user_id),
        Posting(Account.RECEIVABLE, micros - from_credit, user_id),
    )


def _credit_user(user_id: int, balance: Balance, micros: int) -> list[Posting]:
    """The user's side of money received or granted: debt is paid first, the rest becomes credit."""
    against_debt = min(micros, balance.owed_micros)
    return _non_zero(
        Posting(Account.RECEIVABLE, -against_debt, user_id),
        Posting(Account.CUSTOMER_CREDIT, against_debt - micros, user_id),
    )


def _non_zero(*postings: Posting) -> list[Posting]:
    return [posting for posting in postings if posting.micros]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that changed what a user owes, before it is turned into postings.

    Args:
        owes_micros: Positive when the user owes more by it, negative when less. Never 0.
        against: The account on the other side.
    """

    kind: EntryKind
    source_type: str
    source_id: str
    user_id: int
    owes_micros: int
    against: Account
    effective_ms: int
    memo: str = ""
    operator: str = "system"
    reverses: int | None = field(default=None)

    def entry(self, balance: Balance) -> JournalEntry:
        """The balanced entry, given what the user's balance is right before it."""
        if not self.owes_micros:
            raise ValueError(f"{self.kind.value} {self.source_id} changes nothing")
        if self.owes_micros > 0:
            users_side = _charge_user(self.user_id, balance, self.owes_micros)
        else:
            users_side = _credit_user(self.user_id, balance, -self.owes_micros)
        return JournalEntry(
            kind=self.kind,
            source_type=self.source_type,
            source_id=self.source_id,
            effective_ms=self.effective_ms,
            postings=(*users_side, Posting(self.against, -self.owes_micros)),
            memo=self.memo,
            operator=self.operator,
            reverses=self.reverses,
        )


def usage_fact(usage_id: str, user_id: int, cost_micros: int, at_ms: int, memo: str) -> Fact:
    """Shots were executed: the user owes their price."""
    return Fact(EntryKind.USAGE, "usage", usage_id, user_id, cost_micros, Account.USAGE_REVENUE, at_ms, memo)


def usage_reversal_fact(usage_id: str, user_id: int, micros: int, at_ms: int, memo: str, operator: str) -> Fact:
    """Usage was recorded by mistake. Keyed by the run, so it is taken back once."""
    return Fact(EntryKind.REVERSAL, "usage", usage_id, user_id, -micros, Account.USAGE_REVENUE, at_ms, memo, operator)


def payment_fact(payment_intent: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """Stripe collected money. Keyed by the payment, so two events about it post once."""
    return Fact(
        EntryKind.PAYMENT, "payment_intent", payment_intent, user_id, -micros, Account.STRIPE_CLEARING, at_ms, memo
    )


def invoice_payment_fact(invoice: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """Stripe collected money on an invoice. Credit that the invoice used up is no cash and posts nothing."""
    return Fact(EntryKind.PAYMENT, "invoice", invoice, user_id, -micros, Account.STRIPE_CLEARING, at_ms, memo)


def outside_payment_fact(invoice: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """An invoice was paid past Stripe, by bank transfer say."""
    return Fact(EntryKind.PAYMENT, "invoice_outside", invoice, user_id, -micros, Account.BANK, at_ms, memo)


def write_off_fact(invoice: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """Nobody expects the money any more."""
    return Fact(EntryKind.WRITE_OFF, "invoice", invoice, user_id, -micros, Account.WRITE_OFFS, at_ms, memo)


def write_off_reversal_fact(invoice: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """What was written off was paid after all."""
    return Fact(EntryKind.REVERSAL, "invoice", invoice, user_id, micros, Account.WRITE_OFFS, at_ms, memo)


def refund_fact(source_id: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """Stripe gave a payment back: the user owes it again. Forgiving the debt is a separate, signed decision."""
    return Fact(EntryKind.REFUND, "charge", source_id, user_id, micros, Account.STRIPE_CLEARING, at_ms, memo)


def failed_refund_fact(source_id: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """A refund came back to us, since the bank could not take it: it is as if it had not been made."""
    return Fact(EntryKind.REVERSAL, "charge", source_id, user_id, -micros, Account.STRIPE_CLEARING, at_ms, memo)


def dispute_hold(dispute: str, micros: int, at_ms: int, memo: str) -> JournalEntry:
    """A bank took a payment back until it has decided: held apart, the user does not owe it meanwhile."""
    held = (Posting(Account.DISPUTES, micros), Posting(Account.STRIPE_CLEARING, -micros))
    return JournalEntry(EntryKind.DISPUTE_HOLD, "dispute", dispute, at_ms, held, memo=memo)


def dispute_won(dispute: str, micros: int, at_ms: int, memo: str) -> JournalEntry:
    """The bank gave back what it held."""
    back = (Posting(Account.STRIPE_CLEARING, micros), Posting(Account.DISPUTES, -micros))
    return JournalEntry(EntryKind.DISPUTE_RELEASE, "dispute", dispute, at_ms, back, memo=memo)


def dispute_lost_fact(dispute: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """The bank keeps what it held: the user owes it again."""
    return Fact(EntryKind.DISPUTE_RELEASE, "dispute", dispute, user_id, micros, Account.DISPUTES, at_ms, memo)


def dispute_reinstated_fact(dispute: str, user_id: int, micros: int, at_ms: int, memo: str) -> Fact:
    """A bank gave back what was lost already: it counts as paid after all."""
    return Fact(EntryKind.REVERSAL, "dispute", dispute, user_id, -micros, Account.STRIPE_CLEARING, at_ms, memo)


def welcome_credit_fact(user_id: int, micros: int, at_ms: int) -> Fact:
    return Fact(
        EntryKind.WELCOME_CREDIT, "user", str(user_id), user_id, -micros, Account.PROMOTIONS, at_ms, "Welcome credit"
    )


def adjustment_fact(source_id: str, user_id: int, owes_micros: int, at_ms: int, memo: str, operator: str) -> Fact:
    """An operator corrects a balance, with a reason."""
    return Fact(
        EntryKind.ADJUSTMENT, "adjustment", source_id, user_id, owes_micros, Account.ADJUSTMENTS, at_ms, memo, operator
    )


def total_by_account(postings: Iterable[Posting]) -> dict[Account, int]:
    totals: dict[Account, int] = {}
    for posting in postings:
        totals[posting.account] = totals.get(posting.account, 0) + posting.micros
    return totals
