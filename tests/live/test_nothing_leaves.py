"""In Live, with every question that the window asks taken away, no action of window, palette and console writes."""

from pathlib import Path

import pytest

from tests.live.every_deed import OPENED, deeds, deeds_beside, done, every_command, spoil, without_guards
from tests.live.live_desk import live_desk


@pytest.mark.deadline(90)
@pytest.mark.fault(
    "Stripe",
    "In Live every action of window and palette is told to go on, past the questions that it asks",
    "Nothing but GET leaves: the lock is at the wire, and each action says that LIVE is locked.",
    figure="every action and palette command, 0 writes",
)
async def test_no_action_of_the_window_writes(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_guards(monkeypatch)
    async with live_desk(data_dir, tmp_path) as live:
        for name in OPENED:
            await live.desk.hand.open_page(name)
        await spoil(live)
        before = len(live.standin.writes)
        said = await done(deeds(live) | deeds_beside(live, tmp_path))
        assert live.standin.writes[before:] == []
        locked = {name for name, code in said.items() if code == "live.locked"}
        assert not said.keys() & {"bring in users.db", "back up", "reconcile", "export reconciliation", "disable"}, said
        at_once = {"register", "create customer", "link", "link for a part", "renew link", "close link", "send now"}
        assert locked >= at_once | {"refund", "accept dispute", "answer dispute", "repair meter"}, said
        await every_command(live)
        assert live.standin.writes[before:] == []
        assert len(live.standin.left) > before, "reading went on"
