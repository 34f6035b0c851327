"""What a plan lets run: asked before a run, counted from runs that succeeded, never held against one."""

from typing import Any

from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.users import Plan
from tests.sites import JANES_ID, JANES_KEY, Site

UNLIMITED = 999_999


def on(site: Site, plan: Plan, limits: PlanLimits | None = None) -> None:
    """Put Jane on a plan, with other limits than usual if given. This month she ran nothing that the test counts."""
    with site.console.store.write() as work:
        work.users.set_plan(JANES_ID, plan)
        if limits is not None:
            work.tariff.set_limits(limits)
        work.commit()


def used(site: Site) -> int:
    return int(site.http.post("/auth/validate", json={"api_key": JANES_KEY}).json()["quota"]["shots_used"])


def may(site: Site, shots: int, backend: str = "simulator") -> tuple[int, dict[str, Any]]:
    ask = {"api_key": JANES_KEY, "requested_shots": shots, "backend": backend}
    answer = site.http.post("/billing/check-limits", json=ask)
    return answer.status_code, answer.json()


def run(site: Site, shots: int, backend: str = "simulator", **more: Any) -> int:
    body = {"api_key": JANES_KEY, "shots_executed": shots, "backend": backend, **more}
    return site.http.post("/billing/record-usage", json=body).status_code


def test_a_month_is_used_up_to_the_last_shot(site: Site) -> None:
    before = used(site)
    on(site, Plan.FREE, PlanLimits(Plan.FREE, before + 100))
    assert may(site, 100)[0] == 200
    assert run(site, 60) == 200
    status, answer = may(site, 41)
    assert status == 403
    assert set(answer) == {"allowed", "reason", "upgrade_required", "shots_remaining"}
    assert (answer["allowed"], answer["upgrade_required"], answer["shots_remaining"]) == (False, True, 40)
    assert "40 left, 41 asked for" in answer["reason"]
    status, answer = may(site, 40)
    assert (status, answer["remaining_shots"], answer["shots_remaining"]) == (200, 40, 40)
    assert (answer["plan"], answer["plan_limit"], answer["cost"]) == ("free", before + 100, 0.4)


def test_failed_runs_use_up_nothing(site: Site) -> None:
    before = used(site)
    assert run(site, 500, success=False) == 200
    assert used(site) == before


def test_hardware_that_is_not_in_the_plan_is_refused_with_the_way_out(site: Site) -> None:
    on(site, Plan.FREE, PlanLimits(Plan.FREE, 1_000_000, ("simulator",)))
    left = 1_000_000 - used(site)
    status, answer = may(site, 1, "ibm_torino")
    assert status == 403
    assert answer == {
        "allowed": False,
        "reason": "ibm_torino is not part of the free plan",
        "upgrade_required": True,
        "shots_remaining": left,
    }
    assert may(site, 1, "simulator")[0] == 200
    on(site, Plan.BASIC)
    assert may(site, 1, "IBM Torino")[0] == 200


def test_a_run_that_happened_is_recorded_whatever_the_plan_says(site: Site) -> None:
    on(site, Plan.FREE, PlanLimits(Plan.FREE, 0, ("simulator",)))
    assert may(site, 1)[0] == 403
    assert run(site, 10, "ibm_torino") == 200
    assert site.owed() == 380.0
    assert may(site, 1)[1]["shots_remaining"] == 0
    site.books_balance()


def test_without_a_limit_the_numbers_are_those_that_clients_know(site: Site) -> None:
    on(site, Plan.ENTERPRISE)
    status, answer = may(site, 1_000_000_000, "quera_aquila")
    assert (status, answer["remaining_shots"], answer["plan_limit"]) == (200, UNLIMITED, UNLIMITED)
    assert answer["cost"] == 5_000_000_000.0
    quota = site.http.post("/auth/validate", json={"api_key": JANES_KEY}).json()["quota"]
    assert (quota["shots_remaining"], quota["plan_limit"]) == (UNLIMITED, UNLIMITED)


def test_an_operators_change_of_a_plan_counts_at_once(site: Site) -> None:
    on(site, Plan.PRO, PlanLimits(Plan.PRO, None, ("*",)))
    assert may(site, 10_000_000)[0] == 200
    on(site, Plan.PRO, PlanLimits(Plan.PRO, 0))
    assert may(site, 1)[0] == 403


def test_backends_that_nobody_knows_are_named(site: Site) -> None:
    for backend in ("nowhere", "", "   ", 5, None, "x" * 101, "ibm_\x00"):
        status, answer = may(site, 1, backend)
        assert (status, set(answer)) == (400, {"error"})
        assert "backend" in answer["error"]
        assert run(site, 1, backend) == 400
    half_a_letter = b'{"api_key": "%s", "requested_shots": 1, "backend": "ibm_\\ud800"}' % JANES_KEY.encode()
    assert site.http.post("/billing/check-limits", content=half_a_letter).status_code == 400
