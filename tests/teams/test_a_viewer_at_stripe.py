"""A colleague who may only read, in a window whose buttons are all on: nothing leaves for Stripe that changes it."""

from pathlib import Path

import pytest

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.domain.users import User
from bioql_console.services.changes import Changes
from bioql_console.services.right_to_send import KNOWN_FOR_MS, RightToSend
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.storage.database import Database
from tests.databases import a_user_of, as_superuser
from tests.live.every_deed import OPENED, deeds, deeds_beside, done, rename_the_meter, without_guards
from tests.live.live_desk import fill_desk, filled_desk

pytestmark = pytest.mark.postgresql


def somebody_runs_a_job(url: str, user: User) -> None:
    """Recorded by another process of the team, and not sent yet."""
    ledger = Database(url, now_ms)
    ledger.open_existing()
    UsageRecording(ledger, Changes(), now_ms, 300_000).record(user, shots=10, backend="simulator")
    ledger.close()


@pytest.mark.deadline(90)
@pytest.mark.fault(
    "PostgreSQL",
    "a viewer's window is told to do everything that there is, past its buttons and questions",
    "Nothing but reading leaves for Stripe, and the missing role is named: what can't be written down is not sent.",
    figure="every action, 0 writes",
)
async def test_nothing_leaves_for_stripe(
    data_dir: Path, tmp_path: Path, team_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_guards(monkeypatch)
    await fill_desk(data_dir, tmp_path, Environment.TEST, team_url)
    viewer = a_user_of(team_url, Role.VIEWER.value)
    async with filled_desk(data_dir, tmp_path, Environment.TEST, viewer) as desk:
        for name in OPENED:
            await desk.desk.hand.open_page(name)
        rename_the_meter(desk)
        somebody_runs_a_job(team_url, desk.jane)
        before = len(desk.standin.writes)
        said = await done(deeds(desk) | deeds_beside(desk, tmp_path))
        assert desk.standin.writes[before:] == []
        refused = {name for name, code in said.items() if code == "db.right_missing"}
        assert refused >= {"register", "create customer", "link", "refund", "accept dispute", "repair meter"}, said
        assert not said.keys() & {"reconcile", "export balances", "check the books"}, "reading goes on"

        gateway = desk.console.stripe.gateway()
        with pytest.raises(OperatorError) as kept:
            await desk.on_stripe(gateway.rename_meter, "mtr_1", "Mine")
        assert kept.value.what == "Nothing was sent to Stripe: it could not be written down here."
        assert "Needs bioql_operator; you are bioql_viewer." in kept.value.fix
        assert desk.standin.writes[before:] == []


def test_a_role_that_is_taken_away_or_granted_counts_within_a_second(team_url: str) -> None:
    ledger, ticks = Database(a_user_of(team_url, Role.OPERATOR.value), now_ms), [0]
    ledger.open_existing()
    right = RightToSend(ledger, lambda: ticks[0])
    right.require()
    user = ledger.url.username
    as_superuser(team_url, f"GRANT bioql_viewer TO {user}", f"REVOKE bioql_operator FROM {user}")
    ticks[0] += KNOWN_FOR_MS
    with pytest.raises(OperatorError) as refused:
        right.require()
    assert refused.value.code == "db.right_missing"
    as_superuser(team_url, f"GRANT bioql_operator TO {user}")
    right.require()
    ledger.close()
