"""The customers' dashboard when things go wrong: late events, wrong keys, hostile text, a server that is away."""

from pathlib import Path

import pytest

from tests.stories.visits import answering, at_the_dashboard

pytestmark = [pytest.mark.chromium, pytest.mark.deadline(60)]

HOSTILE = "<img src=x onerror=\"document.title='broken in'\"><script>document.title='broken in'</script>"
UNKNOWN_KEY = "bioql_nobody"


async def test_coming_back_shows_no_zero_before_stripe_confirmed_it(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        await visit.sign_in()
        await visit.until_loaded()
        await page.click("#pay")
        await page.wait_for_url("**/c/pay/cs_test_*")
        checkout = page.url

        await visit.come("?payment=success")
        await visit.until_text("#notice", "Payment received, waiting for confirmation")
        assert await page.inner_text("#balance") == "$350.00"
        assert await page.is_disabled("#pay")
        await page.reload()
        await visit.until_text("#notice", "Payment received, waiting for confirmation")

        visit.site.pay(checkout)
        await visit.until_text("#notice.good", "confirmed")
        assert await page.inner_text("#balance") == "$0.00"
        assert "payment" not in page.url


async def test_a_wrong_key_is_refused_once_and_kept_nowhere(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        refused = []
        page.on("response", lambda answer: refused.append(answer.url) if answer.status == 401 else None)
        await visit.sign_in(UNKNOWN_KEY)
        await visit.until_text("#notice.bad", "not known here")
        assert len(refused) == 1
        assert await page.evaluate("document.activeElement.id") == "key"
        assert await page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })") == "{}"
        await visit.sign_in("clé")
        await visit.until_text("#notice.warn", "not known here")

        await visit.sign_in()
        await visit.until_loaded()
        await page.click("#leave")
        await page.wait_for_selector("#key")
        assert await page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })") == "{}"
        assert "350" not in await page.inner_text("body")


@pytest.mark.fault(
    "Text",
    "markup in what the customer's dashboard shows",
    "It is shown letter for letter, and nothing runs.",
    figure="6 answers of a server in a real Chromium, 0 elements made of them",
)
async def test_text_from_outside_stays_text(data_dir: Path) -> None:
    """Names, backends, invoices and error sentences that would like to be HTML, or names of our own properties."""
    invoice = {"id": HOSTILE, "date": HOSTILE, "description": HOSTILE, "amount": 5, "status": "constructor", "open": 5}
    usage = {
        "total_shots": 1, "total_spent": 1, "molecules_designed": 0, "backends_used": 2,
        "backends": {HOSTILE: 1, "__proto__x": 0}, "daily_usage": {"dates": ["2026-01-01"], "shots": [1]},
    }  # fmt: skip
    answers = {
        "/dashboard/invoices": {"current_balance": 5, "credit": 3.5, "invoices": [invoice]},
        "/auth/user": {"name": HOSTILE, "email": HOSTILE},
        "/analytics/usage": usage,
        "/support/ticket": {"ticket_id": HOSTILE},
    }
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        for path, answer in answers.items():
            await page.route(f"**{path}", answering(answer))
        await page.route("**/create-payment", answering({"error": HOSTILE}, 400))
        await visit.sign_in()
        await visit.until_loaded()
        await page.fill("#subject", HOSTILE)
        await page.fill("#message", HOSTILE)
        await page.click("#send")
        await visit.until_text("#ticket", HOSTILE)
        await page.click("#pay")
        await visit.until_text("#notice.bad", HOSTILE)
        for place in ("#who", "#invoices", "#backends"):
            assert HOSTILE in await page.inner_text(place)
        assert "constructor" in await page.inner_text("#invoices")
        assert await page.inner_text("#credit") == "Credit: $3.50. Your next shots use it first."
        assert await page.locator("main img, main script").count() == 0
        assert await page.title() == "BioQL · Billing"

        await page.unroute("**/create-payment")
        await page.route("**/create-payment", answering({"url": "javascript:alert(1)"}))
        await page.click("#pay")
        await visit.until_text("#notice.bad", "does not understand")


# Half a million of our own letters would be no better; the page shows the first thousand.
ENDLESS = "Wolfeschlegelsteinhausen" * 20_000
TURNED = "\u202egnp.exe\u202c \u2066\u200f$0.00 \x1b[2J"
# As wide as a telephone, and as a desk.
WIDTHS = (360, 1_280)


@pytest.mark.fault(
    "Text",
    "names, invoices, backends and error sentences without an end, turned around, or both, on the customer's dashboard",
    "The page stays as wide as the screen, amounts and buttons stay in their place and within it, and what is turned "
    "around turns nothing beside it.",
    figure="480,000 letters without a space, at 360 and 1,280 pixels",
)
async def test_endless_and_turned_text_breaks_no_layout(data_dir: Path) -> None:
    endless = TURNED + ENDLESS
    invoice = {"id": endless, "date": endless, "description": endless, "amount": 5, "status": endless, "open": 5}
    usage = {
        "total_shots": 1, "total_spent": 1, "molecules_designed": 0, "backends_used": 1,
        "backends": {endless: 1}, "daily_usage": {"dates": ["2026-01-01"], "shots": [1]},
    }  # fmt: skip
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        await page.route(
            "**/dashboard/invoices", answering({"current_balance": 350, "credit": 0, "invoices": [invoice]})
        )
        await page.route("**/auth/user", answering({"name": endless, "email": endless}))
        await page.route("**/analytics/usage", answering(usage))
        await page.route("**/support/ticket", answering({"ticket_id": endless}))
        await page.route("**/create-payment", answering({"error": endless}, 400))
        await visit.sign_in()
        await visit.until_loaded()
        await page.fill("#subject", "A")
        await page.fill("#message", "B")
        await page.click("#send")
        await visit.until_text("#ticket", "Wolfe")
        await page.click("#pay")
        await visit.until_text("#notice.bad", "Wolfe")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            for place in ("#pay", "#balance", "#leave", "#send"):
                box = await page.locator(place).bounding_box()
                assert box is not None
                assert box["x"] >= 0, place
                assert box["x"] + box["width"] <= width, place
        assert await page.inner_text("#balance") == "$350.00"
        shown = await page.inner_text("body")
        assert "\u202e" not in shown
        assert "\x1b" not in shown


async def test_the_server_goes_away_and_comes_back(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        await page.route("**/analytics/usage", lambda route: route.abort())
        await visit.sign_in()
        await visit.until_text("#notice.bad", "can't be reached")
        assert await page.inner_text("#balance") == "$350.00"
        assert await page.inner_text("#total-shots") == ""
        await page.unroute("**/analytics/usage")
        await page.click("#notice-action")
        await visit.until_text("#total-shots", "6,100")
        await visit.until_loaded()

        await page.context.set_offline(True)
        await visit.until_text("#notice.warn", "You are offline")
        await page.context.set_offline(False)
        await visit.until_loaded()
        assert await page.inner_text("#balance") == "$350.00"


async def test_too_many_requests_are_tried_again_when_the_server_allows(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        slow_down = answering({"error": "Slow down"}, 429, {"Retry-After": "1"})
        await page.route("**/dashboard/invoices", slow_down, times=1)
        await visit.sign_in()
        await visit.until_text("#notice.warn", "tries again in 1 second")
        assert await page.inner_text("#balance") == ""
        await visit.until_text("#balance", "$350.00")
