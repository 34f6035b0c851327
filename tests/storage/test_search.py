"""Users are found by any part of their name, address, customer or key, whatever the text holds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.paging import UserQuery
from bioql_console.domain.users import ApiKey
from bioql_console.storage import users as users_module
from bioql_console.storage.database import Database
from tests.storage.people import add_people, person

NAMES = [
    "Jane Smith",
    "jane SMITHERS",
    "<img src=x onerror=alert(1)>",
    "<b>Bold</b> & Co",
    "\u202egnp.exe",
    "مريم العربية",
    "100% sure_thing",
    "100 percent",
    'O\'Hara "Q" \\back\\slash',
    "'; DROP TABLE users; --",
    'NEAR("a" b) AND * OR ^c:d',
    "李 明 🧬🧬",
    "tab\tand\nline",
    "42",
]
LETTERS = st.sampled_from(list("aAsSmMiIbB04%_'\"\\<>&();*:^- .李🧬\u202e\t"))


@pytest.fixture(params=["few", "many"], ids=["found by index", "found by walking"])
def crowd(request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[int, list[str]]:
    """What can be found of each user. A term that many share is looked for in another way."""
    if request.param == "many":
        monkeypatch.setattr(users_module, "COMMON_TERM", 1)
        monkeypatch.setattr(users_module, "COMMON_TERM_IN_A_ROW", 1)
    people = [
        person(name, email=f"person{place}@uni.example", stripe_customer_id=f"cus_{place}Ab" if place % 2 else None)
        for place, name in enumerate(NAMES)
    ]
    ids = add_people(database, *people)
    return {
        user: [new.name, new.email, new.stripe_customer_id or "", new.key.hint]
        for user, new in zip(ids, people, strict=True)
    }


def found(database: Database, term: str) -> set[int]:
    query = UserQuery(text=term)
    ids: list[int] = []
    after = None
    while True:
        with database.read() as work:
            page = work.users.page(query, after, 4)
        ids += [user.id for user in page.rows]
        if (after := page.next_after) is None:
            break
    assert len(set(ids)) == len(ids)
    with database.read() as work:
        assert work.users.count(query) == len(ids)
    return set(ids)


def expected(crowd: dict[int, list[str]], term: str) -> set[int]:
    term = term.replace("\x00", "").strip()
    by_text = {user for user, texts in crowd.items() if any(term.lower() in one.lower() for one in texts)}
    return by_text | ({int(term)} & set(crowd) if term.isascii() and term.isdigit() else set())


WHOLE_TERMS = [*NAMES, "smith", "SMITH", "mith", "0%", "100%", "_thing", "%", "_", "\\", "'", '"', "🧬", "🧬🧬", "李"]
WHOLE_TERMS += [
    "ريم",
    "\u202e",
    "cus_",
    "AB",
    "@uni.example",
    "bioql_of_",
    "7",
    "1",
    "smith\x00",
    "j",
    "ja",
    "zq",
    "zqx",
]


def test_whatever_is_looked_for_is_found_and_nothing_else(database: Database, crowd: dict[int, list[str]]) -> None:
    for term in WHOLE_TERMS:
        assert found(database, term) == expected(crowd, term), repr(term)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(term=st.text(LETTERS, max_size=6) | st.text(st.characters(max_codepoint=127), max_size=5))
def test_any_text_is_a_question_not_a_command(database: Database, crowd: dict[int, list[str]], term: str) -> None:
    assert found(database, term) == expected(crowd, term)


@pytest.mark.parametrize("term", ["\ud83e", "\x00", "\x00\x00\x00", "   ", "\udfff\x00"])
def test_what_nobody_can_be_called_narrows_nothing(database: Database, crowd: dict[int, list[str]], term: str) -> None:
    assert found(database, term) == set(crowd)


def test_names_come_back_letter_for_letter(database: Database, crowd: dict[int, list[str]]) -> None:
    with database.read() as work:
        for user, texts in crowd.items():
            stored = work.users.get(user)
            assert stored is not None
            assert stored.name == texts[0]


def test_the_search_follows_what_changes(database: Database) -> None:
    (user,) = add_people(database, person("Jane"))
    assert found(database, "cus_later") == set()
    with database.write() as work:
        work.users.set_customer(user, "cus_later1", "sub_1")
        work.users.set_key(user, ApiKey.of("bioql_new_key_of_some_length_9876"))
        work.commit()
    assert found(database, "cus_later") == found(database, "9876") == found(database, "jane") == {user}
    assert found(database, "bioql_of_p") == set(), "the old key's hint is still found"
    with database.write() as work:
        work.users.set_customer(user, "cus_never")
    assert found(database, "cus_never") == set()


def test_filters_narrow_what_was_found(database: Database) -> None:
    people = (person("Jane One", stripe_customer_id="cus_x1"), person("Jane Two"), person("John"))
    ids = add_people(database, *people)
    with database.write() as work:
        work.users.set_disabled(ids[1], True)
        work.commit()
    with database.read() as work:
        asked = [UserQuery(text="jane", no_customer=True), UserQuery(text="jane", disabled=True), UserQuery(text="j")]
        assert [{user.id for user in work.users.page(query, None, 9).rows} for query in asked] == [
            {ids[1]},
            {ids[1]},
            set(ids),
        ]
        assert work.users.count(UserQuery(text="jane", owes=True)) == 0


def test_a_short_key_is_never_shown_by_its_hint(database: Database) -> None:
    (user,) = add_people(database, person("Imported", key=ApiKey.of("bioql_short1234")))
    with database.read() as work:
        stored = work.users.by_key(ApiKey.of("bioql_short1234").sha256)
    assert stored is not None
    assert stored.id == user
    assert "1234" not in stored.key_hint
