"""The customers' dashboard in a real Chromium, on a real site: what they see, pay and ask, in their language."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bioql_console.resources import resource
from tests.sites import JANES_ID
from tests.stories.visits import at_the_dashboard

pytestmark = [pytest.mark.chromium, pytest.mark.deadline(60)]


async def test_a_customer_sees_the_usage_and_pays_a_part_and_then_the_rest(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        await visit.sign_in()
        await visit.until_text("#balance", "$350.00")
        await visit.until_text("#total-shots", "6,100")
        await visit.until_text("#who", "Dr. Jane Smith")
        assert await page.inner_text("#total-spent") == "$360.00"
        assert await page.inner_text("#molecules") == "61"
        assert (await page.inner_text("#backends")).split() == [
            "simulator",
            "6,000",
            "98.4%",
            "ibm_torino",
            "100",
            "1.6%",
        ]
        assert "Pending" in await page.inner_text("#invoices")
        assert "$350.00 open" in await page.inner_text("#invoices")

        await page.click("#pay-other")
        await page.fill("#amount", "350.01")
        await page.press("#amount", "Enter")
        await visit.until_text("#amount-note", "Enter an amount from $0.50 to $350.00")
        await page.fill("#amount", "100.5")
        await page.press("#amount", "Enter")
        await _pay_at_checkout(page, "$100.50")
        await visit.until_text("#notice.good", "confirmed")
        assert await page.inner_text("#balance") == "$249.50"

        await page.click("text=Pay Now")
        await _pay_at_checkout(page, "$249.50")
        await visit.until_text("#notice.good", "confirmed")
        assert await page.inner_text("#balance") == "$0.00"
        assert "Paid" in await page.inner_text("#invoices")
        assert await page.is_disabled("#pay")
        visit.site.books_balance()


async def _pay_at_checkout(page: Any, amount: str) -> None:
    await page.wait_for_url("**/c/pay/cs_test_*")
    assert amount in await page.inner_text("h1")
    card = (("email", "jane@uni.example"), ("card_number", "4242 4242 4242 4242"), ("exp", "12 / 34"), ("cvc", "123"))
    for name, value in card:
        await page.fill(f"#{name}", value)
    await page.click("#pay")
    await page.wait_for_url("**/dashboard.html*")


async def test_a_ticket_is_sent_and_its_number_read(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        await visit.sign_in()
        await visit.until_loaded()
        await page.click("#send")
        await visit.until_text("#support-note", "Write a subject and a message first")
        await page.select_option("#priority", "high")
        await page.fill("#subject", "My shots")
        await page.fill("#message", "Where did they go?")
        await page.click("#send")
        await visit.until_text("#ticket", "Thank you. Your ticket is TKT-")
        number = await page.inner_text("#ticket b")
        with visit.site.console.store.read() as work:
            ticket = work.tickets.get(number)
        assert (ticket.user_id, ticket.priority.value) == (JANES_ID, "high")
        assert (ticket.subject, ticket.message) == ("My shots", "Where did they go?")
        assert await page.inner_text("#ticket") == f"Thank you. Your ticket is {number}."
        assert await page.input_value("#message") == ""


async def test_it_speaks_spanish_where_the_browser_does(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="es-ES") as visit:
        page = visit.page
        await visit.until_text("#enter", "Su clave de API")
        await visit.sign_in()
        await visit.until_text("#balance", "350,00 US$")
        await visit.until_text("#backends", "98,4 %")
        await visit.until_text("#invoices", "Pendiente")
        assert "Uso de computación cuántica" in await page.inner_text("#invoices")
        assert "BQ-1-" in await page.inner_text("#invoices")
        assert "ibm_torino" in await page.inner_text("#backends")
        assert await page.get_attribute("html", "lang") == "es"
        await page.click("#pay-other")
        await page.fill("#amount", "99,50")
        async with page.expect_request("**/billing/create-payment") as asked:
            await page.press("#amount", "Enter")
        assert (await asked.value).post_data_json == {"amount": 99.5}


async def test_the_chart_is_read_by_keyboard_and_as_a_table_and_keeps_still_where_asked(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US", reduced_motion="reduce", color_scheme="dark") as visit:
        page = visit.page
        await visit.sign_in()
        await visit.until_loaded()
        assert await page.evaluate("document.getAnimations().length") == 0
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 27)"
        await visit.until_text("#day", "6,100 shots in 30 days")
        await page.focus("#chart")
        for _ in range(11):
            await page.keyboard.press("ArrowLeft")
        told = await page.get_attribute("#chart", "aria-valuetext")
        assert told.endswith(": 100 shots")
        assert await page.inner_text("#day") == told
        await page.keyboard.press("Home")
        assert (await page.get_attribute("#chart", "aria-valuetext")).endswith(": 0 shots")

        await page.click("#days-table summary")
        rows = await page.locator("#days tr").all_inner_texts()
        assert len(rows) == 30
        assert rows[11].endswith("\t100")
        assert rows[12].endswith("\t6,000")


async def test_nothing_is_wider_than_a_phone(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="es-ES", viewport={"width": 360, "height": 740}) as visit:
        page = visit.page
        await visit.sign_in()
        await visit.until_loaded()
        await page.click("#pay-other")
        assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_an_account_without_runs_says_so(data_dir: Path) -> None:
    async with at_the_dashboard(data_dir, locale="en-US") as visit:
        page = visit.page
        answer = visit.site.http.post("/auth/register", json={"name": "Ana", "email": "ana@uni.example"})
        await visit.sign_in(answer.json()["user"]["api_key"])
        await visit.until_text("#no-invoices", "Nothing was billed yet")
        await visit.until_text("#no-days", "No shots in the last 30 days")
        assert await page.inner_text("#balance") == "$0.00"
        assert "Credit: $10.00" in await page.inner_text("#credit")
        assert await page.is_disabled("#pay")


def test_both_languages_say_everything() -> None:
    english, spanish = (json.loads(resource(f"web/texts.{name}.json").read_text("utf-8")) for name in ("en", "es"))
    assert list(english) == list(spanish)
    for name, text in english.items():
        assert spanish[name].strip(), name
        assert _placeholders(text) == _placeholders(spanish[name]), name


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    english = json.loads(resource("web/texts.en.json").read_text("utf-8"))
    code = "".join(path.read_text("utf-8") for path in resource("web").glob("*.*") if path.suffix in {".js", ".html"})
    used = set(re.findall(r'\bt\("(\w+)"|data-t="(\w+)"', code))
    assert {name for pair in used for name in pair if name} <= set(english)
    assert [name for name in english if f'"{name}"' not in code and not name.startswith("status_")] == []


def _placeholders(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}
