"""A real Chromium for tests, started in private and without a network beyond this machine."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium_program() -> str | None:
    """Where Chromium is: BIOQL_CHROMIUM, or the system's."""
    return os.environ.get("BIOQL_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


@asynccontextmanager
async def chromium_page(names: str = "", **context: Any) -> AsyncIterator[Any]:
    """A page in a fresh profile. Skips the test where there is no Chromium.

    Args:
        names: Host names and where they lead, such as "MAP evil.example 127.0.0.1"; all others lead nowhere.
    """
    program = chromium_program()
    if program is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    from playwright.async_api import async_playwright

    resolver = ", ".join(filter(None, (names, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1")))
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules={resolver}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            page = await browser.new_page(**context)
            page.set_default_timeout(10_000)
            yield page
        finally:
            await browser.close()
