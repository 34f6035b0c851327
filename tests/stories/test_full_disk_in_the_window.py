"""The disk fills up under an open window: it says so on every page, goes on reading, and recovers by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.services.signature import sign
from tests.disks import SmallDisk, disk_missing, small_disk
from tests.stories.windows import Desk, open_window


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if reason := disk_missing():
        pytest.skip(reason)
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 12) as made:
        yield made


async def deliver(desk: Desk, number: int) -> int:
    """One of Stripe's events; the answer's status."""
    body = json.dumps(
        {
            "id": f"evt_{number}",
            "object": "event",
            "type": "customer.updated",
            "created": desk.console.now_ms() // 1000,
            "livemode": False,
            "data": {"object": {"id": "cus_1", "object": "customer", "description": "x" * 100_000}},
        }
    ).encode()
    header = sign(body, desk.console.webhook_secrets()[0], desk.console.now_ms())

    def post() -> Any:
        url = desk.console.server.webhook_url
        return httpx.post(url, content=body, headers={"Stripe-Signature": header}, trust_env=False, timeout=20)

    return int((await desk.console.workers.probe.run(post)).status_code)


@pytest.mark.fault(
    "Database",
    "the disk fills up under the open window",
    "Webhooks are answered with 503 and nothing is acknowledged; every page says since when nothing can be recorded "
    "and goes on showing the ledger; with room again all of it works, without a restart.",
    figure="0 bytes free, 0 acknowledged ones lost",
)
@pytest.mark.expected_logs("Nothing can be written", "sandbox")
@pytest.mark.deadline(50)
async def test_a_full_disk_is_said_and_reading_goes_on(disk: SmallDisk) -> None:
    async with open_window(disk.folder, users=3) as desk:
        notice, sign = desk.window.trouble.bar, desk.window.status.signs["database"]
        await desk.hand.until(lambda: "SQLite" in sign.text(), "the database is well")
        assert await deliver(desk, 1) == 200
        disk.fill()
        number, status = 1, 200
        while status == 200:  # what is left in the log's own pages can still be used
            number += 1
            status = await deliver(desk, number)
        assert status == 503
        await desk.hand.until(notice.isVisible, "every page says so")
        assert notice.what.text().startswith("The disk is full; nothing was changed.")
        assert notice.fix.text().startswith("Free some space, then retry. Since ")
        assert sign.text() == "Database: only to be read"
        panel = await desk.show_jane()
        assert panel.owed.text() == "$350.00"
        assert notice.isVisible(), "the other page does not say it"
        assert desk.console.listener.rejections()[0].status == 503

        await desk.hand.click(notice.retry)
        await desk.hand.until(notice.isVisible, "the disk is still full, and it is still said")
        disk.make_room()
        await desk.hand.click(notice.retry)
        await desk.hand.until(lambda: not notice.isVisible(), "it is over")
        assert await deliver(desk, number) == 200
        with desk.console.store.read() as work:
            assert work.inbox.known([f"evt_{each}" for each in range(1, number + 1)]) == {
                f"evt_{each}" for each in range(1, number + 1)
            }
            assert work.verifier.run().ok
