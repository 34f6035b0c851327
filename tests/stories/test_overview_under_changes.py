"""Under a flood of changes the Overview follows, and Stripe and the keychain are left in peace."""

from pathlib import Path
from typing import Any

import pytest

from bioql_console.services.changes import Change
from bioql_console.ui import workspace
from tests.stories.windows import open_window

CHANGES = 30


async def test_a_flood_of_changes_does_not_check_the_set_up_all_the_time(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page is told of changes as fast as ever, else it would be the pause between them that keeps the peace.
    monkeypatch.setattr(workspace, "LONGEST_PAUSE_MS", workspace.PAUSE_MS)
    async with open_window(data_dir, users=2) as desk:
        console, overview = desk.console, desk.page("overview")
        await desk.hand.until(lambda: overview.set_up.note.text().endswith("of 13"), "everything is checked")
        begun, read, shown = [], [], []
        run = console.doctor.run

        def counted(only: Any) -> Any:
            begun.append(only)
            return run(only)

        console.doctor.run = counted
        overview.model.refreshed.connect(read.append)
        overview.model.checks_known.connect(shown.append)
        while len(read) < CHANGES:
            console.changes.publish(Change("events"))
            seen = len(read)
            await desk.hand.until(lambda seen=seen: len(read) > seen, "the change is shown")
        assert len(begun) <= CHANGES // 3
        await desk.hand.until(lambda: shown and len(shown) == len(begun), "what was begun ends, and is shown")
        desk.hand.press("F5")
        begun.clear()
        await desk.hand.until(lambda: begun, "who asks is answered at once")
