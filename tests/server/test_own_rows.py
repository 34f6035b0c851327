"""A customer's own runs, invoices and requests for help; and nobody else's."""

from itertools import product
from typing import Any

from bioql_console.domain.invoices import Invoice, InvoiceState
from bioql_console.domain.paging import TicketQuery
from bioql_console.services.demo import demo_api_key
from tests.sites import JANES_ID, JANES_KEY, Site

DEV = {"Authorization": "Bearer bioql_dev_someone"}
ROWS = ("usage", "invoices")


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_come_newest_first_page_by_page(site: Site) -> None:
    for number in range(3):
        body = {
            "api_key": JANES_KEY,
            "shots_executed": 10 + number,
            "backend": "IBM Torino",
            "usage_id": f"run-{number}",
        }
        site.http.post("/billing/record-usage", json={**body, "success": number != 1})
    first = site.http.get(f"/billing/usage/{JANES_ID}", params={"limit": 2}, headers=site.jane).json()
    assert first["user_id"] == JANES_ID
    assert [(row["usage_id"], row["shots"], row["cost"], row["success"]) for row in first["usage"]] == [
        ("run-2", 12, 36.0, True),
        ("run-1", 11, 0.0, False),
    ]
    assert set(first["usage"][0]) == {"usage_id", "date", "backend", "shots", "cost", "success"}
    everything = site.http.get(f"/billing/usage/{JANES_ID}", headers=site.jane).json()
    assert everything["next"] is None
    assert _walk(site, "usage", 2) == everything["usage"]
    assert len(everything["usage"]) == 5


def _walk(site: Site, name: str, limit: int) -> list[Any]:
    rows: list[Any] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = site.http.get(f"/billing/{name}/{JANES_ID}", params=params, headers=site.jane).json()
        rows += page[name]
        if page["next"] is None:
            return rows
        params["after"] = page["next"]


def test_pages_that_cannot_be_are_refused_by_name(site: Site) -> None:
    wrong = [("limit", "0"), ("limit", "501"), ("limit", "x"), ("after", ""), ("after", "1"), ("after", f"{9**30}-1")]
    for name, (param, value) in product(ROWS, wrong):
        answer = site.http.get(f"/billing/{name}/{JANES_ID}", params={param: value}, headers=site.jane)
        assert answer.status_code == 400
        assert param in answer.json()["error"]


# --- invoices ---------------------------------------------------------------------------------------------------------


def invoice(number: int, state: InvoiceState, **more: Any) -> Invoice:
    at_ms = 1_790_000_000_000 + number
    values = {"total_cents": 10_050, "due_cents": 10_050, "paid_cents": 0, "due_ms": None, **more}
    return Invoice(
        id=f"in_{number}",
        user_id=JANES_ID,
        number=f"BQ-{number}",
        state=state,
        reason="subscription_cycle",
        created_ms=at_ms,
        period_start_ms=at_ms,
        period_end_ms=at_ms,
        **values,
    )


def test_stripes_invoices_stand_beside_the_months(site: Site) -> None:
    with site.console.store.write() as work:
        work.invoices.follow(invoice(1, InvoiceState.PAID, paid_cents=10_050, url="https://invoice.stripe.com/i/1"))
        work.invoices.follow(invoice(2, InvoiceState.OPEN, paid_cents=50, due_ms=1_790_000_000_000))
        work.invoices.follow(invoice(3, InvoiceState.DRAFT))
        work.commit()
    found = site.http.get(f"/billing/invoices/{JANES_ID}", headers=site.jane).json()
    assert found["invoices"] == [
        {
            "id": "in_2",
            "number": "BQ-2",
            "date": "2026-09-21",
            "due_date": "2026-09-21",
            "amount": 100.5,
            "paid": 0.5,
            "open": 100.0,
            "status": "open",
            "url": None,
        },
        {
            "id": "in_1",
            "number": "BQ-1",
            "date": "2026-09-21",
            "due_date": None,
            "amount": 100.5,
            "paid": 100.5,
            "open": 0.0,
            "status": "paid",
            "url": "https://invoice.stripe.com/i/1",
        },
    ]
    dashboard = site.http.get("/dashboard/invoices", headers=site.jane).json()
    assert found["months"] == dashboard["invoices"]
    assert found["current_balance"] == dashboard["current_balance"] == 350.0
    assert _walk(site, "invoices", 1) == found["invoices"]


# --- whose ------------------------------------------------------------------------------------------------------------


def test_another_users_rows_are_forbidden_whether_there_is_one_or_not(site: Site) -> None:
    for name, user_id in product(ROWS, ["2", "999999", "0", "-1", "01", "1.0", "dev_user", "x"]):
        answer = site.http.get(f"/billing/{name}/{user_id}", headers=site.jane)
        assert (answer.status_code, answer.json()) == (403, {"error": "These rows are another user's"})


def test_without_a_key_there_are_no_rows(site: Site) -> None:
    keys = ({}, {"Authorization": "Bearer bioql_wrong"}, {"X-API-Key": JANES_KEY})
    for name, headers in product(ROWS, keys):
        answer = site.http.get(f"/billing/{name}/{JANES_ID}", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def test_everybody_sees_their_own(site: Site) -> None:
    theirs = {"Authorization": f"Bearer {demo_api_key(1, 2)}"}
    assert site.http.get("/billing/usage/2", headers=theirs).json()["user_id"] == 2
    assert site.http.get(f"/billing/usage/{JANES_ID}", headers=theirs).status_code == 403


def test_dev_keys_see_samples_of_the_same_shape(site: Site) -> None:
    for path in (f"/billing/usage/{JANES_ID}", "/dashboard/invoices", "/analytics/usage"):
        real, sample = site.http.get(path, headers=site.jane), site.http.get(path.replace("/1", "/999"), headers=DEV)
        assert _shape(sample.json()) == _shape(real.json())
    for user_id in ("999", "dev_user"):
        sample = site.http.get(f"/billing/invoices/{user_id}", headers=DEV).json()
        assert set(sample) == {"user_id", "current_balance", "invoices", "months", "next"}
    assert site.http.get(f"/billing/usage/{JANES_ID}", headers=DEV).status_code == 403


def _shape(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: name if name in ("user_id", "backends") else _shape(value) for name, value in found.items()}
    return [_shape(found[0])] if isinstance(found, list) and found else type(found).__name__


# --- help -------------------------------------------------------------------------------------------------------------

HELP = {"priority": "high", "subject": " My invoice ", "message": "What is the second line?\nThank you, Jané"}


def test_a_request_for_help_is_kept_for_the_operators(site: Site) -> None:
    answer = site.http.post("/support/ticket", json=HELP, headers=site.jane)
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"ticket_id", "status", "message"}
    assert made["ticket_id"].startswith("TKT-")
    assert made["status"] == "created"
    with site.console.store.read() as work:
        ticket = work.tickets.get(made["ticket_id"])
    assert (ticket.user_id, ticket.priority.value, ticket.subject) == (JANES_ID, "high", "My invoice")
    assert ticket.message == HELP["message"]
    assert ticket.state.value == "open"


def test_help_that_cannot_be_asked_for_is_refused_by_name(site: Site) -> None:
    wrong: dict[str, list[object]] = {
        "priority": ["urgent", None, ["high"]],
        "subject": ["", "x" * 201, 5],
        "message": [" \n", "x" * 10_001, "\x00", None],
    }
    for name, values in wrong.items():
        for value in values:
            answer = site.http.post("/support/ticket", json={**HELP, name: value}, headers=site.jane)
            assert answer.status_code == 400
            assert name in answer.json()["error"]
    assert _tickets(site) == 0


def test_strangers_and_dev_keys_leave_no_ticket(site: Site) -> None:
    assert site.http.post("/support/ticket", json=HELP).status_code == 401
    sample = site.http.post("/support/ticket", json=HELP, headers=DEV)
    assert (sample.status_code, sample.json()["status"]) == (201, "created")
    assert sample.json()["ticket_id"].startswith("TKT-")
    assert _tickets(site) == 0


def _tickets(site: Site) -> int:
    with site.console.store.read() as work:
        return len(work.tickets.page(TicketQuery(), None, 10).rows)
