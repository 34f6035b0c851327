"""`stripe listen` brings events to our own listener: verified, stored, applied, by that way alone."""

import httpx
import pytest

from bioql_console.services.demo import demo_api_key
from tests.peers.programs import CommandLine, Serve
from tests.waiting import wait_until

CARD = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


@pytest.fixture
def forwarding(server: Serve) -> tuple[str, ...]:
    """Words for `stripe listen`: our listener gets completed checkouts."""
    return ("--events", "checkout.session.completed", "--forward-to", server.ready["webhook_url"])


def test_its_secret_is_not_the_endpoints(cli: CommandLine, server: Serve) -> None:
    secret = cli.run("listen", "--print-secret").strip()
    assert secret.startswith("whsec_")
    assert secret != server.ready["webhook_secret"]
    assert cli.run("listen", "--print-secret").strip() == secret


def test_a_payment_is_counted_by_what_it_forwarded(
    cli: CommandLine, server: Serve, forwarding: tuple[str, ...]
) -> None:
    headers = {"Authorization": f"Bearer {demo_api_key(1, 1)}"}
    with (
        httpx.Client(base_url=server.ready["url"], headers=headers, trust_env=False) as jane,
        server.direct_delivery_paused(),
        cli.listening(*forwarding) as said,
    ):

        def owed() -> float:
            return float(jane.get("/dashboard/invoices").json()["current_balance"])

        debt = owed()
        assert debt > 0
        url = jane.post("/billing/create-payment", json={"amount": debt}).json()["url"]
        assert httpx.post(url, data=CARD, trust_env=False).status_code == 303
        event = said.until("--> checkout.session.completed").partition("[")[2].partition("]")[0]
        said.until(f"[200] POST {server.ready['webhook_url']}")
        wait_until(lambda: owed() == 0)

        by_endpoint = {delivery["endpoint"]: delivery for delivery in server.deliveries(event)}
        assert by_endpoint.pop(None)["attempts"] == 0, "The sandbox itself brought nothing."
        (forwarded,) = by_endpoint.values()
        assert (forwarded["state"], forwarded["status_codes"]) == ("succeeded", [200])

        cli.json("events", "resend", event)
        said.until("--> checkout.session.completed")
        said.until("[200] POST")
        assert owed() == 0, "What comes twice counts once."
        others = [line for line in said.lines if "-->" in line and "checkout.session.completed" not in line]
        assert others == [], "It forwards only what was asked for."


def test_an_answer_of_ours_is_told_and_kept(cli: CommandLine, server: Serve) -> None:
    """An address that does not take webhooks: the command line says so, and the sandbox remembers."""
    nowhere = f"{server.ready['url']}/no/such/page"
    with cli.listening("--events", "customer.created", "--forward-to", nowhere) as said:
        cli.trigger("customer.created")
        event = said.until("--> customer.created").partition("[")[2].partition("]")[0]
        said.until(f"[404] POST {nowhere}")
        wait_until(lambda: [404] in [delivery["status_codes"] for delivery in server.deliveries(event)])


def test_several_listen_at_once(cli: CommandLine, forwarding: tuple[str, ...]) -> None:
    with cli.listening(*forwarding) as one, cli.listening(*forwarding) as two:
        cli.trigger("checkout.session.completed")
        for said in (one, two):
            said.until("--> checkout.session.completed")
            said.until("[200] POST")


def test_requests_are_shown_as_they_are_answered(cli: CommandLine) -> None:
    with cli.going_on("logs", "tail", "--no-wss") as said:
        cli.run("customers", "retrieve", "cus_none")
        said.until("[404] GET /v1/customers/cus_none")
        assert said.until("Message: ") == "Message: No such customer: 'cus_none'"
