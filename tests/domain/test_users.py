"""Names, addresses and keys as they come from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.users import (
    KEY_PREFIX,
    LONGEST_EMAIL,
    LONGEST_NAME,
    ApiKey,
    clean_email,
    clean_name,
    hash_key,
    new_api_key,
    storable,
)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("  Ada ", "Ada"),
        ('O\'Hara, "Q" 100%_', 'O\'Hara, "Q" 100%_'),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\u202eevil", "\u202eevil"),
        ("李 明 🧬", "李 明 🧬"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
    ],
)
def test_names_are_kept_as_they_are(given_text: str, kept: str) -> None:
    assert clean_name(given_text) == kept


@pytest.mark.parametrize(
    "wrong", ["", "   ", "\n", None, 5, ["Ada"], "x" * (LONGEST_NAME + 1), "A\x00da", "half a letter \ud83e"]
)
def test_what_is_no_name_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="name must be"):
        clean_name(wrong)


@pytest.mark.parametrize("address", ["ada@uni.example", " Ada@Uni.Example ", "ADA@UNI.EXAMPLE\n"])
def test_addresses_that_differ_in_case_are_one(address: str) -> None:
    assert clean_email(address) == "ada@uni.example"


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "ada", "a@b", "@c.example", "a b@c.example", "a@c..example", "a@b@c.example", "a@.example"),
        *("a\x00@b.example", "a\ud800@b.example", "x" * 65 + "@b.example"),
        *("a@" + "b" * LONGEST_EMAIL + ".example", None, 5),
    ],
)
def test_what_is_no_address_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="email must be"):
        clean_email(wrong)


@given(st.text(st.characters(), max_size=20))
def test_what_counts_as_storable_can_be_written(text: str) -> None:
    assert storable(text) is ("\x00" not in text and text.encode("utf-8", "replace").decode() == text)


def test_a_key_is_random_and_kept_only_as_a_hash() -> None:
    key, other = new_api_key(), new_api_key()
    assert key != other
    assert key.startswith(KEY_PREFIX)
    assert len(key) >= len(KEY_PREFIX) + 43, "256 bits take 43 letters"
    kept = ApiKey.of(key)
    assert kept.sha256 == hash_key(key) != hash_key(other)
    assert kept.hint == f"{key[:10]}…{key[-4:]}"


@given(st.text(max_size=60))
def test_a_hint_never_gives_a_key_away(key: str) -> None:
    hint = ApiKey.of(key).hint
    assert len(hint) <= 15
    assert sum(1 for _ in hint.replace("…", "")) <= max(0, len(key) - 8)
