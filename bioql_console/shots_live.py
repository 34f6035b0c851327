"""The pictures of Test and Live, and of a write that is about to be armed. Nothing is opened or sent there."""

from typing import Any


async def take_environments(album: Any) -> None:
    """How the bar looks in Test and in Live."""
    from bioql_console.domain.environment import Environment

    shown = album.window.environment
    for environment in (Environment.TEST, Environment.LIVE):
        album.window.show_environment(environment)
        await album._picture(f"bar-{environment.value}")
    await take_arming(album)
    album.window.show_environment(shown)


async def take_arming(album: Any) -> None:
    from bioql_console.domain.live_writes import Call, LivePlan
    from bioql_console.domain.stripe_account import LedgerAccount
    from bioql_console.ui.pages.arming import ArmDialog

    who, payment = "Dr. Jane Smith", "pi_3QxLive"
    rows = (("Customer", who), ("Payment", payment), ("Goes back", "$50.00"))
    plan = LivePlan(f"Refund {who}", "Refund", "user 1", rows, (Call("POST", "/v1/refunds"),), 5_000)
    account = LedgerAccount("acct_1QxBioQL", "BioQL Inc.", 0)
    ArmDialog(album.window, album.window.workspace, plan, account).open()
    await album._dialog_picture("arm")
