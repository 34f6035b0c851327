"""Which key belongs where, decided by its looks before it is stored or sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.environment import (
    LONGEST_SECRET,
    Environment,
    check_secret_key,
    check_webhook_secret,
)
from bioql_console.domain.errors import OperatorError

SANDBOX, TEST, LIVE = Environment.SANDBOX, Environment.TEST, Environment.LIVE
MALFORMED, WRONG, PUBLISHABLE = "key.malformed", "key.wrong_environment", "key.publishable"

ACCEPTED = [
    ("sk_test_4eC39HqLyjWDarjtT1", TEST),
    ("rk_test_4eC39HqLyjWDarjtT1", TEST),
    ("sk_test_4eC39HqLyjWDarjtT1", SANDBOX),
    ("sk_live_4eC39HqLyjWDarjtT1", LIVE),
    ("rk_live_4eC39HqLyjWDarjtT1", LIVE),
]
REFUSED = [
    ("pk_test_4eC39HqLyjWDarjtT1", TEST, PUBLISHABLE),
    ("pk_live_4eC39HqLyjWDarjtT1", LIVE, PUBLISHABLE),
    ("sk_live_4eC39HqLyjWDarjtT1", TEST, WRONG),
    ("rk_live_4eC39HqLyjWDarjtT1", SANDBOX, WRONG),
    ("sk_test_4eC39HqLyjWDarjtT1", LIVE, WRONG),
    ("", TEST, MALFORMED),
    ("   ", TEST, MALFORMED),
    ("sk_test_", TEST, MALFORMED),
    ("SK_TEST_4eC39HqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_prod_4eC39HqLyjWDarjtT1", TEST, MALFORMED),
    ("whsec_4eC39HqLyjWDarjtT1", TEST, MALFORMED),
    ("bioql_4eC39HqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_test_4eC39 HqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_test_4eC39\nHqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_test_4eC39\x00HqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_test_4eC39…tT14eC39HqLyj", TEST, MALFORMED),
    ("sk_test_４ｅＣ３９ＨｑＬｙｊ", TEST, MALFORMED),
    ("Bearer sk_test_4eC39HqLyjWDarjtT1", TEST, MALFORMED),
    ("sk_test_" + "a" * LONGEST_SECRET, TEST, MALFORMED),
]


@pytest.mark.parametrize(("key", "environment"), ACCEPTED)
@pytest.mark.parametrize("around", ["", " ", "\n", "\t \r\n", "\u00a0"])
def test_a_good_key_is_accepted_and_loses_only_the_blanks_around_it(
    key: str, environment: Environment, around: str
) -> None:
    assert check_secret_key(f"{around}{key}{around}", environment) == key


@pytest.mark.parametrize(("key", "environment", "code"), REFUSED)
def test_a_wrong_key_is_refused_by_name_and_never_repeated(key: str, environment: Environment, code: str) -> None:
    with pytest.raises(OperatorError) as refused:
        check_secret_key(key, environment)
    assert refused.value.code == code
    assert refused.value.fix
    told = str(refused.value) + refused.value.sentence() + repr(refused.value)
    assert len(key.strip()) <= 8 or key.strip()[8:] not in told


@given(st.text(max_size=60), st.sampled_from(Environment))
def test_anything_pasted_is_a_key_of_this_environment_or_refused(pasted: str, environment: Environment) -> None:
    try:
        key = check_secret_key(pasted, environment)
    except OperatorError:
        return
    assert key.isascii()
    assert key.startswith(("sk_live_", "rk_live_") if environment.livemode else ("sk_test_", "rk_test_"))


@pytest.mark.parametrize("secret", ["whsec_ab12", "whsec_fakeMixedCase0", "whsec_ab+/="])
def test_a_signing_secret_is_accepted(secret: str) -> None:
    assert check_webhook_secret(f" {secret}\n") == secret


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "sk_test_abcdefghijkl", "whsec_ab cd", "WHSEC_abcdefghijkl", "whsec_" + "a" * 1_200]
)
def test_what_is_no_signing_secret_is_refused(secret: str) -> None:
    with pytest.raises(OperatorError) as refused:
        check_webhook_secret(secret)
    assert refused.value.code == "key.webhook_malformed"
    assert len(secret) <= 6 or secret not in refused.value.sentence()


def test_only_live_is_live() -> None:
    assert [environment for environment in Environment if environment.livemode] == [LIVE]
    assert {environment.word for environment in Environment} == {"SANDBOX", "TEST", "LIVE"}
