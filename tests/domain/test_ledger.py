"""The rules of double entry: every fact balances, credit is used before debt, and nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.ledger import (
    PER_USER,
    Account,
    Balance,
    EntryKind,
    Fact,
    JournalEntry,
    Posting,
    adjustment_fact,
    payment_fact,
    refund_fact,
    total_by_account,
    usage_fact,
    welcome_credit_fact,
)

NOW = 1_795_000_000_000
USER = 7
MICROS = st.integers(1, 10**15)
OTHER_SIDES = sorted(set(Account) - PER_USER, key=lambda account: account.value)


@st.composite
def balances(draw: st.DrawFn) -> Balance:
    """What a user may have: debt, credit or neither."""
    micros = draw(st.integers(-(10**15), 10**15))
    return Balance(max(0, micros), min(0, micros), draw(st.integers(0, 99)))


def all_facts() -> st.SearchStrategy[Fact]:
    """Every kind of fact, in both directions and against every account, and each as its own function makes it."""
    direction = MICROS | MICROS.map(lambda micros: -micros)
    any_kind = st.builds(
        Fact,
        kind=st.sampled_from(EntryKind),
        source_type=st.just("source"),
        source_id=st.text(max_size=5),
        user_id=st.just(USER),
        owes_micros=direction,
        against=st.sampled_from(OTHER_SIDES),
        effective_ms=st.just(NOW),
    )
    return st.one_of(
        any_kind,
        MICROS.map(lambda micros: usage_fact("u", USER, micros, NOW, "")),
        MICROS.map(lambda micros: payment_fact("pi", USER, micros, NOW, "")),
        MICROS.map(lambda micros: refund_fact("ch", USER, micros, NOW, "")),
        MICROS.map(lambda micros: welcome_credit_fact(USER, micros, NOW)),
        direction.map(lambda micros: adjustment_fact("a", USER, micros, NOW, "why", "ada")),
    )


def after(balance: Balance, fact: Fact) -> Balance:
    """The balance once the fact is posted."""
    totals = total_by_account(fact.entry(balance).postings)
    return Balance(
        balance.receivable_micros + totals.get(Account.RECEIVABLE, 0),
        balance.credit_micros + totals.get(Account.CUSTOMER_CREDIT, 0),
        balance.version + 1,
    )


def net(balance: Balance) -> int:
    return balance.receivable_micros + balance.credit_micros


@given(all_facts(), balances())
def test_every_fact_makes_an_entry_that_sums_to_zero(fact: Fact, balance: Balance) -> None:
    entry = fact.entry(balance)
    assert sum(posting.micros for posting in entry.postings) == 0
    assert sum(total_by_account(entry.postings).values()) == 0
    assert all(posting.micros for posting in entry.postings), "an entry carries an empty line"
    assert {posting.user_id for posting in entry.postings if posting.account in PER_USER} == {USER}
    assert (entry.kind, entry.source_id, entry.memo) == (fact.kind, fact.source_id, fact.memo)


@given(all_facts(), balances())
def test_one_fact_moves_the_user_by_exactly_its_amount(fact: Fact, balance: Balance) -> None:
    then = after(balance, fact)
    assert net(then) - net(balance) == fact.owes_micros
    assert then.receivable_micros >= 0 >= then.credit_micros
    assert not (then.receivable_micros and then.credit_micros), "somebody owes and has credit at once"


@given(st.lists(all_facts(), max_size=40))
def test_no_history_loses_a_micro(history: list[Fact]) -> None:
    balance, by_account = Balance(), dict.fromkeys(Account, 0)
    for fact in history:
        for account, micros in total_by_account(fact.entry(balance).postings).items():
            by_account[account] += micros
        balance = after(balance, fact)
    assert net(balance) == sum(fact.owes_micros for fact in history)
    assert by_account[Account.RECEIVABLE] == balance.receivable_micros == balance.owed_micros
    assert -by_account[Account.CUSTOMER_CREDIT] == -balance.credit_micros == balance.available_credit_micros
    assert sum(by_account.values()) == 0


def lines(fact: Fact, balance: Balance) -> dict[Account, int]:
    return total_by_account(fact.entry(balance).postings)


def test_welcome_credit_is_used_up_before_anything_is_owed() -> None:
    ten_dollars = after(Balance(), welcome_credit_fact(USER, 10_000_000, NOW))
    assert (ten_dollars.owed_micros, ten_dollars.available_credit_micros) == (0, 10_000_000)

    covered = usage_fact("u1", USER, 4_000_000, NOW, "")
    assert lines(covered, ten_dollars) == {Account.CUSTOMER_CREDIT: 4_000_000, Account.USAGE_REVENUE: -4_000_000}

    six_dollars = after(ten_dollars, covered)
    beyond = usage_fact("u2", USER, 9_000_000, NOW, "")
    assert lines(beyond, six_dollars) == {
        Account.CUSTOMER_CREDIT: 6_000_000,
        Account.RECEIVABLE: 3_000_000,
        Account.USAGE_REVENUE: -9_000_000,
    }
    assert after(six_dollars, beyond) == Balance(3_000_000, 0, 3)


def test_paying_too_much_leaves_credit() -> None:
    paid = payment_fact("pi_1", USER, 5_000_000, NOW, "")
    assert lines(paid, Balance(3_000_000)) == {
        Account.RECEIVABLE: -3_000_000,
        Account.CUSTOMER_CREDIT: -2_000_000,
        Account.STRIPE_CLEARING: 5_000_000,
    }


def test_a_refund_reinstates_the_debt_and_takes_back_what_was_overpaid_first() -> None:
    owing = Balance(350_000_000)
    settled = after(owing, payment_fact("pi_1", USER, 350_000_000, NOW, ""))
    assert settled.owed_micros == 0
    again = after(settled, refund_fact("pi_1:35000", USER, 350_000_000, NOW, ""))
    assert again.owed_micros == 350_000_000

    overpaid = after(Balance(), payment_fact("pi_2", USER, 5_000_000, NOW, ""))
    assert after(overpaid, refund_fact("pi_2:500", USER, 5_000_000, NOW, "")) == Balance(0, 0, 2)


def test_a_fact_that_changes_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="changes nothing"):
        usage_fact("u1", USER, 0, NOW, "").entry(Balance())


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting(Account.ROUNDING, 0),),
        (Posting(Account.STRIPE_CLEARING, 5), Posting(Account.DISPUTES, -4)),
    ],
)
def test_an_entry_that_does_not_balance_cannot_be_made(postings: tuple[Posting, ...]) -> None:
    with pytest.raises(ValueError, match="does not balance"):
        JournalEntry(EntryKind.REVERSAL, "entry", "1", NOW, postings)


@pytest.mark.parametrize("account", Account)
def test_a_users_account_names_the_user_and_no_other_does(account: Account) -> None:
    user = USER if account in PER_USER else None
    assert Posting(account, 1, user).user_id == user
    with pytest.raises(ValueError, match="don't go together"):
        Posting(account, 1, None if user else USER)


def test_the_source_of_each_fact_makes_it_unique() -> None:
    """Two events about one payment are one fact; a payment and its refund are two."""
    first, second = (payment_fact("pi_1", USER, 1, at, memo) for at, memo in ((1, "completed"), (2, "succeeded")))
    refund = refund_fact("pi_1", USER, 1, 3, "")

    def key(fact: Fact) -> tuple[EntryKind, str, str]:
        return fact.kind, fact.source_type, fact.source_id

    assert key(first) == key(second) != key(refund)
    assert key(welcome_credit_fact(1, 5, NOW)) == key(welcome_credit_fact(1, 6, NOW + 1)), "one welcome per user"
