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
    missing = site.http.get("/nothing")
    assert (missing.status_code, set(missing.json())) == (404, {"error"})
    assert site.http.post("/auth/login", json={"email": "x"}).status_code == 404
    assert site.http.delete("/health").status_code == 405


def test_dashboard_page_brings_its_own_everything(site: Site) -> None:
    page = site.http.get("/dashboard.html")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text
