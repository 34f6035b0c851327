"""Windows on the team's server: what another process does shows at once, and who looks at the same is named."""

from pathlib import Path

import pytest

from bioql_console.domain.users import Plan
from bioql_console.services.changes import Changes
from bioql_console.services.team import Team
from bioql_console.storage.database import Database
from tests.databases import fresh_database
from tests.stories.windows import open_window
from tests.teams.feeds import listening


@pytest.mark.postgresql
@pytest.mark.fault(
    "PostgreSQL",
    "another process changes what a window shows",
    "The window reads it again within a second, by itself.",
    figure="2 consoles, 1 change, shown by itself",
)
async def test_a_window_follows_the_team_and_is_seen_by_it(data_dir: Path, cluster: str) -> None:
    url = fresh_database(cluster)
    async with open_window(data_dir, users=1, database=url) as desk:
        run = desk.console.workers.database.run
        await desk.hand.until(lambda: desk.console.listening(), "it listens")
        panel = await desk.show_jane()
        theirs = Database(url, desk.console.now_ms)

        def to_enterprise() -> None:
            with theirs.write() as work:
                work.users.set_plan(1, Plan.ENTERPRISE)
                work.commit()

        await run(to_enterprise)
        await desk.hand.until(lambda: "enterprise" in panel.who.text(), "the change shows")
        context = listening(theirs)
        ear = await run(context.__enter__)
        graces = Team(Changes(), desk.console.now_ms, "lab-2", ear.feed.say)
        ear.feed._noted = graces.hear
        await run(graces.look_at, "user 1", "grace")
        await desk.hand.until(panel.others.isVisible, "she is named here")
        assert panel.others.text() == "grace (lab-2) is looking at this customer"
        await desk.hand.until(lambda: graces.others_at("user 1"), "and this window there")
        assert [each.operator for each in graces.others_at("user 1")] == [desk.console.operator]
        await desk.hand.open_page("overview")
        await desk.hand.until(lambda: not graces.others_at("user 1"), "it looks at something else")
        await run(graces.leave)
        await run(context.__exit__, None, None, None)
        theirs.close()
