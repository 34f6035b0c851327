"""Which web pages may call: those of listed origins, every route, and they can read every answer."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sites import JANES_KEY, Site, open_site

HOME = "https://dashboard.bioql.example"
HEADERS = "authorization,content-type,ngrok-skip-browser-warning,x-api-key"


@pytest.fixture
def site(data_dir: Path) -> Iterator[Site]:
    with open_site(data_dir, allowed_origins=(f"{HOME}/",), wrong_keys_per_minute=1) as opened:
        yield opened


def preflight(
    site: Site, path: str, origin: str = HOME, method: str = "POST", headers: str = HEADERS
) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return site.http.options(path, headers=asked)


def shared_with(answer: httpx.Response) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("path", ["/auth/user", "/billing/create-payment", "/support/ticket", "/billing/usage/1"])
def test_browsers_may_ask_with_the_headers_that_dashboards_send(site: Site, path: str) -> None:
    answer = preflight(site, path)
    assert answer.status_code == 200
    assert shared_with(answer) == HOME
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(HEADERS.split(",")) <= allowed
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_page_on_the_internet_may_call_a_server_on_this_machine(site: Site) -> None:
    asked = {"Origin": HOME, "Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}
    answer = site.http.options("/health", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Private-Network"]) == (200, "true")


def test_pages_read_answers_and_refusals_alike(site: Site) -> None:
    page = {"Origin": HOME}
    wrong = {**page, "Authorization": "Bearer bioql_wrong"}
    answers = {
        200: site.http.get("/auth/user", headers={**page, "Authorization": f"Bearer {JANES_KEY}"}),
        401: site.http.get("/auth/user", headers=wrong),
        429: site.http.get("/auth/user", headers=wrong),
        400: site.http.post("/auth/validate", content=b"nonsense", headers=page),
        404: site.http.get("/nothing", headers=page),
        405: site.http.delete("/auth/user", headers=page),
        413: site.http.post("/auth/validate", content=b" " * 70_000, headers=page),
    }
    for status, answer in answers.items():
        assert (answer.status_code, shared_with(answer)) == (status, HOME)
        assert "origin" in answer.headers["Vary"].lower()
    assert answers[429].headers["Access-Control-Expose-Headers"] == "Retry-After"


@pytest.mark.expected_logs("Exception in ASGI application")
def test_pages_read_that_something_broke(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(key: str) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(site.console.users, "authenticate", broken)
    answer = site.http.get("/auth/user", headers={"Origin": HOME, "Authorization": "Bearer bioql_x"})
    assert (answer.status_code, set(answer.json()), shared_with(answer)) == (500, {"error"}, HOME)
    assert "mistake" not in answer.text


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{HOME}.evil.example", "http://dashboard.bioql.example", "*"]
)
def test_other_pages_get_no_word_of_cors(site: Site, origin: str) -> None:
    for answer in (
        preflight(site, "/auth/user", origin),
        site.http.get("/auth/user", headers={"Origin": origin, "Authorization": f"Bearer {JANES_KEY}"}),
        site.http.get("/nothing", headers={"Origin": origin}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_without_listed_origins_there_is_no_cors(data_dir: Path) -> None:
    with open_site(data_dir) as site:
        assert shared_with(preflight(site, "/auth/user")) is None
        assert shared_with(site.http.get("/health", headers={"Origin": HOME})) is None
