"""The HTTP contract of deployed clients: fields, types and status codes."""

from typing import Any

import pytest

from tests.sites import JANES_KEY, Site
from tests.waiting import wait_until

DEV = {"Authorization": "Bearer bioql_dev_someone"}


def test_health_is_what_clients_read(site: Site) -> None:
    found = site.http.get("/health", headers={"ngrok-skip-browser-warning": "true"}).json()
    assert found["status"] == "healthy"
    assert found["stripe_enabled"] is True
    assert found["stripe_webhooks_enabled"] is True
    assert found["version"] == "3.0.0-stripe"
    assert found["database"] == "connected"


def test_registering_gives_a_key_that_works(site: Site) -> None:
    body = {"name": "Ada", "email": "Ada@Uni.example", "payment_method_id": "pm_card_visa"}
    answer = site.http.post("/auth/register", json=body)
    assert answer.status_code == 201
    found = answer.json()
    user = found["user"]
    assert found["success"] is True
    assert found["stripe_customer_created"] is True
    assert found["invoice_threshold_usd"] == 3000
    assert (user["email"], user["tier"], user["balance"]) == ("ada@uni.example", "free", 10.0)
    me = site.http.get("/auth/user", headers={"Authorization": f"Bearer {user['api_key']}"}).json()
    assert me["id"] == user["id"]
    assert me["api_key"] == user["api_key"]
    assert site.http.post("/auth/register", json=body).status_code == 409
    site.books_balance()


def test_refused_card_leaves_no_user_and_no_customer(site: Site) -> None:
    body = {"name": "Bob", "email": "bob@uni.example", "payment_method_id": "pm_card_visa_chargeDeclined"}
    answer = site.http.post("/auth/register", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Payment validation failed: ")
    with site.console.store.read() as work:
        assert work.users.by_email("bob@uni.example") is None
    gateway = site.console.stripe.gateway()
    assert not list(gateway.ask_all(gateway.v1.customers.list, {"email": "bob@uni.example"}))


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"name": "", "email": "a@b.example"}, {"name": 5, "email": 7}])
def test_registering_needs_name_and_mail(site: Site, body: dict[str, Any]) -> None:
    assert site.http.post("/auth/register", json=body).status_code == 400


def test_usage_is_priced_by_the_server_and_recorded_once(site: Site) -> None:
    body = {"api_key": JANES_KEY, "shots_executed": 100, "backend": "ibm_torino", "cost": 0.01, "usage_id": "run-1"}
    first = site.http.post("/billing/record-usage", json=body)
    assert first.status_code == 200
    assert first.json()["recorded"] is True
    assert first.json()["cost"] == 300.0
    site.http.post("/billing/log-usage", json=body)
    assert site.owed() == 650.0
    failed = {"api_key": JANES_KEY, "shots": 100, "backend": "ibm_torino", "success": False}
    assert site.http.post("/billing/record-usage", json=failed).json()["cost"] == 0
    assert site.owed() == 650.0
    site.books_balance()


def test_recorded_usage_reaches_stripes_meter(site: Site) -> None:
    body = {"api_key": JANES_KEY, "shots_executed": 7, "backend": "simulator", "usage_id": "run-7"}
    assert site.http.post("/billing/record-usage", json=body).status_code == 200
    gateway, now = site.console.stripe.gateway(), site.console.now_ms()
    meter = gateway.find_meter("quantum_shot").id
    with site.console.store.read() as work:
        customer = work.users.get(1).stripe_customer_id

    def counted() -> int:
        return int(gateway.meter_total(meter, customer, now - 3_600_000, now + 3_600_000))

    wait_until(lambda: counted() == 7)


@pytest.mark.parametrize("shots", [0, -5, "many", 1.5, None, 10**12])
def test_impossible_shots_are_refused(site: Site, shots: object) -> None:
    body = {"api_key": JANES_KEY, "shots_executed": shots, "backend": "simulator"}
    assert site.http.post("/billing/record-usage", json=body).status_code == 400
    assert site.owed() == 350.0


def test_validate_and_limits(site: Site) -> None:
    found = site.http.post("/auth/validate", json={"api_key": JANES_KEY}).json()
    assert found["valid"] is True
    assert found["tier"] == "pro"
    wrong = site.http.post("/auth/validate", json={"api_key": "bioql_wrong"})
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid API key"})
    ask = {"api_key": JANES_KEY, "requested_shots": 10, "backend": "ibm_torino"}
    assert site.http.post("/billing/check-limits", json=ask).json()["allowed"] is True
    over = site.http.post("/billing/check-limits", json={**ask, "requested_shots": 10_000_000})
    assert over.status_code == 403
    assert over.json()["allowed"] is False


def test_dev_keys_answer_exactly_as_documented(site: Site) -> None:
    me = site.http.get("/auth/user", headers=DEV).json()
    assert (me["id"], me["name"], me["email"]) == (999, "BioQL Developer", "dev@bioql.local")
    assert (me["api_key"], me["stripe_customer_id"]) == ("bioql_dev_someone", "cus_dev_test")
    assert me["created_at"] == "2025-01-01T00:00:00Z"
    payment = site.http.post("/billing/create-payment", json={"amount": 5}, headers=DEV).json()
    assert payment == {"session_id": "cs_test_dev_mock_session", "url": "https://checkout.stripe.com/test"}
    ask = {"api_key": "bioql_dev_someone", "requested_shots": 10, "backend": "ibm_torino"}
    limits = site.http.post("/billing/check-limits", json=ask).json()
    assert (limits["allowed"], limits["cost"], limits["plan"]) == (True, 30.0, "enterprise")
    assert limits["remaining_shots"] == 999999
    valid = site.http.post("/auth/validate", json={"api_key": "bioql_dev_someone"}).json()
    assert (valid["user_id"], valid["plan"], valid["tier"]) == ("dev_user", "enterprise", "unlimited")


def test_unknown_addresses_and_methods_answer_json(site: Site) -> None:
    for path in ("/nothing", "/health/", "/webhooks/stripe/", "/billing/usage/", "/auth"):
        missing = site.http.get(path)
        assert (missing.status_code, set(missing.json())) == (404, {"error"})
    assert site.http.post("/auth/login", json={"email": "x"}).status_code == 404
    for method, path, allowed in [
        ("DELETE", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/auth/validate", {"POST", "OPTIONS"}),
        ("PATCH", "/billing/create-payment", {"POST", "OPTIONS"}),
        ("GET", "/webhooks/stripe", {"POST"}),
    ]:
        refused = site.http.request(method, path)
        assert (refused.status_code, set(refused.json())) == (405, {"error"})
        assert set(refused.headers["Allow"].split(", ")) == allowed


def test_head_and_options_are_answered_without_a_body(site: Site) -> None:
    head = site.http.head("/health")
    assert (head.status_code, head.content) == (200, b"")
    assert site.http.head("/auth/user").status_code == 401
    options = site.http.options("/auth/validate")
    assert (options.status_code, options.content, options.headers["Allow"]) == (204, b"", "POST, OPTIONS")


def test_answers_are_kept_by_no_cache(site: Site) -> None:
    for path in ("/auth/user", "/dashboard/invoices", "/nothing"):
        assert site.http.get(path, headers=site.jane).headers["Cache-Control"] == "no-store"


USAGE = {"api_key": JANES_KEY, "shots_executed": 1, "backend": "simulator"}
LIMITS = {"api_key": JANES_KEY, "requested_shots": 1, "backend": "simulator"}
NEWCOMER = {"name": "Ada", "email": "ada@uni.example"}


def test_wrong_types_are_refused_by_name(site: Site) -> None:
    wrong: list[tuple[str, dict[str, Any], str, list[Any]]] = [
        ("/billing/record-usage", USAGE, "shots_executed", ["1", True, None, [1], {}, 1.5, 1e300]),
        ("/billing/record-usage", USAGE, "backend", [1, None, ["simulator"], {}]),
        ("/billing/record-usage", USAGE, "success", ["false", 0, []]),
        ("/billing/record-usage", USAGE, "usage_id", [1, ["x"], "x" * 101]),
        ("/billing/check-limits", LIMITS, "requested_shots", ["1", False, None, -1]),
        ("/auth/register", NEWCOMER, "name", [1, None, [], "x" * 201]),
        ("/auth/register", NEWCOMER, "email", [1, None, "nobody", "a@b", "x" * 250 + "@b.example"]),
        ("/auth/register", NEWCOMER, "payment_method_id", [1, ["pm_x"], "../customers", "pm x"]),
        ("/auth/register", NEWCOMER, "create_stripe_account", ["no", 0]),
    ]
    for path, body, name, values in wrong:
        for value in values:
            answer = site.http.post(path, json={**body, name: value})
            assert (answer.status_code, set(answer.json())) == (400, {"error"})
            assert name in answer.json()["error"]
    assert site.owed() == 350.0


def test_fields_that_nobody_knows_are_ignored(site: Site) -> None:
    more = {"": None, "sdk": {"version": [1, 2, 3]}, "cost": "a lot", "plan": "enterprise", "user_id": 2}
    for path, body in (
        ("/billing/record-usage", USAGE),
        ("/billing/check-limits", LIMITS),
        ("/auth/register", NEWCOMER),
    ):
        assert site.http.post(path, json={**body, **more}).status_code in (200, 201)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"[" * 50_000, 400),
        (b'{"api_key": 1e99999999999999999999}', 400),
        (b'{"a": ' + b"9" * 5_000 + b"}", 400),
        (b'{"api_key": "' + b"x" * 65_000 + b'"}', 401),
        (b'{"api_key": "' + b"x" * 66_000 + b'"}', 413),
    ],
    ids=["empty", "half", "null", "deep", "exponent", "digits", "large", "too large"],
)
def test_bodies_that_cannot_be(site: Site, body: bytes, status: int) -> None:
    answer = site.http.post("/auth/validate", content=body)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})


def test_a_body_that_never_says_how_large_it_is_is_cut_all_the_same(site: Site) -> None:
    answer = site.http.post("/auth/validate", content=iter([b'{"api_key": "', *[b"x" * 10_000] * 7]))
    assert answer.status_code == 413


def test_a_key_is_taken_from_the_body_first_and_from_the_header_else(site: Site) -> None:
    header = {"X-API-Key": JANES_KEY}
    for body in ({}, {"api_key": None}, {"api_key": ""}):
        assert site.http.post("/auth/validate", json=body, headers=header).status_code == 200
    for key in ("bioql_wrong", 5, False, [], {}, "x" * 300):
        answer = site.http.post("/auth/validate", json={"api_key": key}, headers=header)
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def test_a_run_keeps_the_id_that_its_client_gave_it(site: Site) -> None:
    first = site.http.post("/billing/record-usage", json={**USAGE, "usage_id": "run-1"}).json()
    again = site.http.post("/billing/record-usage", json={**USAGE, "usage_id": "run-1"}).json()
    assert first == again
    assert first["usage_id"] == "run-1"
    assert site.http.post("/billing/record-usage", json=USAGE).json()["usage_id"].startswith("usage_")


def test_dashboard_page_brings_its_own_everything(site: Site) -> None:
    page = site.http.get("/dashboard.html")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text
