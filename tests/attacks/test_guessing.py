"""Keys that are guessed, and rows that are somebody else's: at speed, and one after the other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bioql_console.domain.users import hash_key
from bioql_console.server.operations import OPERATIONS
from bioql_console.services.demo import demo_api_key
from tests.heard import heard
from tests.sites import JANES_ID, JANES_KEY, Site, open_site

THEIR_KEY = demo_api_key(1, 2)
THEIR_ID = 2


@pytest.fixture
def site(data_dir: Path) -> Iterator[Site]:
    with open_site(data_dir) as opened:
        yield opened


@pytest.mark.fault(
    "Requests",
    "API keys guessed at speed, by several at once, on every route that takes one",
    "After 60 a minute the address is answered 429 with Retry-After, and its valid keys still come in.",
    figure="400 guesses by 8 at once: 60 looked up freely, the others one by one",
)
def test_guessing_is_slow_and_shuts_nobody_out(site: Site) -> None:
    takes_keys = [each for each in OPERATIONS if 401 in each.errors]
    assert len(takes_keys) >= 10

    def guess(number: int) -> int:
        route, key = takes_keys[number % len(takes_keys)], f"bioql_guess_{number:04d}"
        headers = {"Authorization": f"Bearer {key}", "X-API-Key": key}
        address = route.path.replace("{user_id}", str(JANES_ID))
        return client.request(route.method, address, json={}, headers=headers).status_code

    with httpx.Client(base_url=site.url, timeout=30, trust_env=False) as client, ThreadPoolExecutor(8) as guessers:
        statuses = list(guessers.map(guess, range(400)))
        assert set(statuses) == {401, 429}
        assert statuses.count(401) < 80
        for number in (1, 2, 3):
            known = {"Authorization": f"Bearer {demo_api_key(1, number)}"}
            assert client.get("/auth/user", headers=known).status_code == 200


@pytest.mark.fault(
    "Requests",
    "a key that is nearly right, to learn from how long the refusal takes",
    "Keys are compared by their SHA-256 only: how much of a key is right changes nothing that could be measured.",
    figure="100 random keys; never more than 12 of 64 places of the hash in common",
)
@given(st.integers(1, len(JANES_KEY) - 1), st.characters(codec="ascii", categories=("Lu", "Ll", "Nd")))
@example(len(JANES_KEY) - 1, "0")
def test_a_nearly_right_key_is_as_wrong_as_any(right: int, next_letter: str) -> None:
    nearly = JANES_KEY[:right] + next_letter + JANES_KEY[right + 1 :]
    if nearly != JANES_KEY:
        ours, theirs = hash_key(JANES_KEY), hash_key(nearly)
        shared = next(place for place, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
        assert shared <= 12  # of 64: by chance one in sixteen shares its first digit, and so on


def test_no_key_reaches_the_database_or_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    nearly = JANES_KEY[:-1] + "z"
    with heard(site.console.store) as asked:
        assert site.http.get("/auth/user", headers={"Authorization": f"Bearer {nearly}"}).status_code == 401
        assert site.http.get("/auth/user", headers=site.jane).status_code == 200
    looked_up = [statement for statement in asked if hash_key(nearly) in statement or hash_key(JANES_KEY) in statement]
    assert len(looked_up) >= 2
    for text in (*asked, caplog.text):
        assert nearly not in text
        assert JANES_KEY not in text


@pytest.mark.fault(
    "Requests",
    "another user's id, in an address, a body, a header, a query or a page's mark",
    "The caller's key alone says whose rows they are: another's id is 403, whether there is one or not, or ignored.",
    figure="8 addresses, 1 body, 2 headers, 3 fields of a query: 0 rows of others",
)
def test_only_the_key_says_whose_rows_they_are(site: Site) -> None:
    theirs = {"Authorization": f"Bearer {THEIR_KEY}"}
    own = site.http.get("/dashboard/invoices", headers=site.jane).json()
    assert own != site.http.get("/dashboard/invoices", headers=theirs).json()
    refused = set()
    for name, user_id in product(("usage", "invoices"), (THEIR_ID, 999_999, f"{JANES_ID},{THEIR_ID}", f"{THEIR_ID}.0")):
        answer = site.http.get(f"/billing/{name}/{user_id}", headers=site.jane)
        refused.add((answer.status_code, answer.text))
    assert len(refused) == 1
    named = {**site.jane, "X-User-Id": str(THEIR_ID), "Cookie": f"user_id={THEIR_ID}"}
    query = {"user_id": THEIR_ID, "api_key": THEIR_KEY, "email": "x@uni.example"}
    assert site.http.get("/dashboard/invoices", headers=named, params=query).json() == own
    body = {"amount": 350.0, "user_id": THEIR_ID, "customer": "cus_demo0000002", "api_key": THEIR_KEY}
    made = site.http.post("/billing/create-payment", json=body, headers=named)
    assert made.status_code == 200
    with site.console.store.read() as work:
        assert work.checkouts.by_session(made.json()["session_id"]).user_id == JANES_ID


def test_the_mark_of_another_user_s_page_shows_own_rows(site: Site) -> None:
    theirs = {"Authorization": f"Bearer {THEIR_KEY}"}
    mark = site.http.get(f"/billing/usage/{THEIR_ID}", params={"limit": 1}, headers=theirs).json()["next"]
    mine = {row["usage_id"] for row in site.http.get(f"/billing/usage/{JANES_ID}", headers=site.jane).json()["usage"]}
    for after in filter(None, (mark, "9" * 18 + "-" + "9" * 18)):
        page = site.http.get(f"/billing/usage/{JANES_ID}", params={"after": after}, headers=site.jane).json()
        assert {row["usage_id"] for row in page["usage"]} <= mine


def test_the_same_usage_id_of_two_users_is_two_runs(site: Site) -> None:
    for key in (JANES_KEY, THEIR_KEY):
        run = {"api_key": key, "shots": 10, "backend": "simulator", "usage_id": "run-1"}
        assert site.http.post("/billing/record-usage", json=run).status_code == 200
    rows = site.http.get(f"/billing/usage/{JANES_ID}", headers=site.jane).json()["usage"]
    assert [row["shots"] for row in rows if row["usage_id"] == "run-1"] == [10]
    site.books_balance()
