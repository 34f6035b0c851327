"""Whatever text leaves the program, no secret leaves with it."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.services import redaction
from bioql_console.services.redaction import SHORTEST_SECRET, redacted, remember_secret


@pytest.fixture(scope="module", autouse=True)
def _own_memory() -> Iterator[None]:
    """What is remembered here must not be scrubbed from the texts of other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_known", set())
        yield


letters = st.text(st.sampled_from("ABCxyz0189"), min_size=8, max_size=60)
keys = st.one_of(
    st.builds(lambda kind, mode, body: f"{kind}_{mode}_{body}", st.sampled_from(["sk", "rk"]),
              st.sampled_from(["test", "live"]), letters),
    st.builds(lambda body, end: f"whsec_{body}{end}", letters, st.sampled_from(["", "+/a=", "=="])),
    st.builds(lambda kind, body: f"bioql_{kind}{body}", st.sampled_from(["", "dev_", "demo_"]), letters),
)  # fmt: skip
anything = st.text(max_size=40)


@pytest.mark.fault(
    "Secrets",
    "a text with a key in it is logged",
    "The key is taken out, whatever stands around it.",
    figure="100 random texts, 0 keys left",
)
@given(anything, keys, anything)
def test_no_key_survives_in_any_text(before: str, key: str, after: str) -> None:
    found = redacted(before + key + after)
    assert key not in found
    assert key[-8:] not in found or key[-8:] in before + after


@given(anything, keys, anything)
def test_no_key_survives_being_quoted(before: str, key: str, after: str) -> None:
    whole = before + key + after
    for text in (repr(whole), json.dumps({"error": whole}), repr(whole.encode("utf-8", "replace"))):
        assert key not in redacted(text)


@given(anything, keys)
def test_redacting_twice_changes_nothing(before: str, key: str) -> None:
    once = redacted(f"{before} {key}")
    assert redacted(once) == once


@given(st.text(st.sampled_from("abcd §µ-/_"), min_size=SHORTEST_SECRET, max_size=30), anything, anything)
def test_secret_that_looks_like_nothing_is_known_once_it_was_held(secret: str, before: str, after: str) -> None:
    remember_secret(secret)
    assert secret not in redacted(f"{before}{secret}{after}{secret}")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key=sk_live_abc123 next", "key=[redacted] next"),
        ("MY_SECRET_sk_live_abc123", "MY_SECRET_[redacted]"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("authorization: bearer abc.def-ghi, more", "authorization: bearer [redacted]"),
        ("Basic c2tfdGVzdDo=", "Basic [redacted]"),
        ("Stripe-Signature: t=1,v1=" + "0a" * 16, "Stripe-Signature: t=1,v1=[redacted]"),
        ("postgresql+psycopg://jane:hunter2@db:5432/x", "postgresql+psycopg://[redacted]@db:5432/x"),
        ("postgresql://:hunter2@db/x", "postgresql://[redacted]@db/x"),
        ("Stripe masks: sk_test_****1234", "Stripe masks: [redacted]"),
    ],
)
def test_what_a_secret_stands_in(text: str, kept: str) -> None:
    assert redacted(text).rstrip(", more") == kept.rstrip(", more")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bioql_console/services/logs.py, line 7, in format",
        "pk_test_abc123 may be shown, and so may cus_abc123, cs_test_abc123 and evt_1abc",
        "whsec is a prefix, sk_test is too",
        "http://127.0.0.1:5001/health?at=10:30",
        "jane@bioql.example owes $350.00",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_very_short_texts_are_not_remembered() -> None:
    remember_secret("Stripe")
    assert redacted("Stripe is on") == "Stripe is on"


def test_secret_within_a_longer_one_leaves_nothing_of_it() -> None:
    remember_secret("inner-secret")
    remember_secret("outer-inner-secret-outer")
    assert redacted("<outer-inner-secret-outer>") == "<[redacted]>"


def test_secret_that_begins_like_a_known_one_is_taken_out_whole() -> None:
    remember_secret("sk_test_canary7")
    assert redacted("<sk_test_canary77>") == "<[redacted]>"
    remember_secret("canary9-tail")
    assert redacted("<sk_test_canary9-tail>") == "<[redacted]>"
