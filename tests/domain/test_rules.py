"""What an accountant would check with a pencil."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.activity import Activity, link
from bioql_console.domain.ageing import DAY_MS, bucket_starts_ms, spread
from bioql_console.domain.checkout import AmountRefused, chargeable_cents
from bioql_console.domain.environment import Environment, check_secret_key, check_webhook_secret
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import Balance
from bioql_console.domain.meter import Meter, MeteredPrice, check_meter, check_price
from bioql_console.domain.money import cents_half_up, json_dollars, micros_from_json, plain_dollars
from bioql_console.domain.prices import Price, PriceList, UnknownBackend
from bioql_console.domain.statements import InvoiceStatus, MonthCharges, month_invoices
from bioql_console.domain.users import ApiKey, clean_email, clean_name, new_api_key

NOW = 1_795_000_000_000


@pytest.mark.parametrize(
    ("micros", "cents"), [(5_000, 1), (4_999, 0), (-5_000, -1), (15_000, 2), (350_000_000, 35_000), (0, 0)]
)
def test_halves_are_rounded_away_from_zero(micros: int, cents: int) -> None:
    assert cents_half_up(micros) == cents


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), 0.0000001, 1e300, [1]])
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        micros_from_json(value)


@given(st.integers(-(10**10), 10**10))
def test_cents_go_through_json_unharmed(cents: int) -> None:
    assert micros_from_json(json_dollars(cents * 10_000)) == cents * 10_000
    assert micros_from_json(Decimal(cents) / 100) == cents * 10_000


def test_amounts_in_words() -> None:
    assert plain_dollars(-1_234_560_000) == "−$1,234.56"
    assert plain_dollars(12_345) == "$0.012345"


@pytest.mark.parametrize(
    ("owed", "asked", "words"),
    [
        (0, None, "Nothing is owed"),
        (350_000_000, 0, "greater than 0"),
        (350_000_000, -1, "greater than 0"),
        (350_000_000, 350_010_000, "more than is owed"),
        (490_000, None, "smallest"),
        (2_000_000_000_000, None, "largest"),
    ],
)
def test_what_cannot_be_charged_says_why(owed: int, asked: int | None, words: str) -> None:
    with pytest.raises(AmountRefused, match=words):
        chargeable_cents(Balance(owed), asked)


def test_everything_owed_is_charged_in_whole_cents() -> None:
    assert chargeable_cents(Balance(350_004_999)) == 35_000
    assert chargeable_cents(Balance(350_005_000)) == 35_001


KEYS = [
    ("pk_test_abc", Environment.TEST, "key.publishable"),
    ("sk_live_abc", Environment.TEST, "key.wrong_environment"),
    ("sk_test_abc", Environment.LIVE, "key.wrong_environment"),
    ("whsec_abc", Environment.TEST, "key.malformed"),
    ("sk_test_", Environment.TEST, "key.malformed"),
    ("sk_test_a b", Environment.TEST, "key.malformed"),
    ("", Environment.TEST, "key.malformed"),
    ("sk_test_" + "a" * 2_000, Environment.TEST, "key.malformed"),
]


@pytest.mark.parametrize(("key", "environment", "code"), KEYS)
def test_keys_are_refused_before_anything_is_stored(key: str, environment: Environment, code: str) -> None:
    with pytest.raises(OperatorError) as refused:
        check_secret_key(key, environment)
    assert refused.value.code == code
    assert len(key) <= 8 or key not in str(refused.value)


def test_good_keys_lose_their_blanks_only() -> None:
    assert check_secret_key("  rk_test_abc\n", Environment.TEST) == "rk_test_abc"
    assert check_webhook_secret(" whsec_ab+/= ") == "whsec_ab+/="
    with pytest.raises(OperatorError):
        check_webhook_secret("sk_test_abc")


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), min_size=5, max_size=5))
def test_ageing_spreads_exactly_what_is_owed(owed: int, charged: list[int]) -> None:
    parts = spread(owed, charged)
    assert sum(parts) == owed
    assert all(part >= 0 for part in parts)
    assert all(part <= limit for part, limit in zip(parts[:4], charged[:4], strict=True))


def test_a_charge_due_today_is_current() -> None:
    due, thirty, sixty, ninety = bucket_starts_ms(NOW, 30)
    assert (due, thirty, sixty, ninety) == tuple(NOW - days * DAY_MS for days in (30, 60, 90, 120))


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**8), max_size=8))
def test_payments_settle_the_oldest_month_first(owed: int, charges: list[int]) -> None:
    months = [MonthCharges(f"2026-{n + 1:02d}", micros, NOW - n * DAY_MS) for n, micros in enumerate(charges)]
    invoices = month_invoices(1, months, owed, NOW, 30)
    assert [invoice.month for invoice in invoices] == sorted((m.month for m in months), reverse=True)
    assert sum(invoice.open_micros for invoice in invoices) == min(owed, sum(charges))
    still_open = [invoice.status is not InvoiceStatus.PAID for invoice in invoices]
    assert still_open == sorted(still_open, reverse=True)


def test_the_trail_shows_tampering() -> None:
    act = Activity(1, NOW, "ada", "adjusted", "user 1", "", "$5", "goodwill")
    chain = link("", act)
    assert link("", Activity(1, NOW, "ada", "adjusted", "user 1", "", "$50", "goodwill")) != chain
    assert link("x", act) != chain


def test_old_usage_keeps_its_price_and_exact_names_win() -> None:
    prices = PriceList((Price("ibm_*", 3, 0), Price("ibm_*", 4, 100), Price("ibm_torino", 9, 100)))
    assert prices.micros_per_shot("IBM Torino", 50) == 3
    assert prices.micros_per_shot("ibm-torino", 100) == 9
    assert prices.micros_per_shot("ibm_x", 100) == 4
    with pytest.raises(UnknownBackend):
        prices.micros_per_shot("abacus", 100)


def test_meter_and_price_say_what_differs_and_what_it_means() -> None:
    meter = Meter("m", "BioQL Quantum Shots Usage", "quantum_shot", "sum", "stripe_customer_id", "value", True)
    price = MeteredPrice("p", "BioQL Quantum Computing", "k", "usd", "2", "metered", "m", True)
    assert all(check.agrees for check in check_meter(meter))
    wrong = [check for check in check_price(price, meter) if not check.agrees]
    assert [(check.what, check.actual) for check in wrong] == [("Unit amount", "2¢")]
    assert all(check.consequence for check in (*wrong, *check_meter(None), *check_price(None, meter)))


def test_names_addresses_and_keys() -> None:
    assert clean_email("  Ada@Uni.Example ") == "ada@uni.example"
    assert clean_name("  Ada ") == "Ada"
    for wrong in ("", "a@b", "a b@c.example", "@c.example", None, "a\x00@b.example"):
        with pytest.raises(ValueError, match="email"):
            clean_email(wrong)
    key = new_api_key()
    assert key not in (ApiKey.of(key).hint, ApiKey.of(key).sha256)
    assert new_api_key() != key
