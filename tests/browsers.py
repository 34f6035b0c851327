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
async def chromium_page(**context: Any) -> AsyncIterator[Any]:
    """A page in a fresh profile. Skips the test where there is no Chromium."""
    program = chromium_program()
    if program is None:
        pytest.skip("Chromium is not installed (Debian package chromium)")
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            page = await browser.new_page(**context)
            page.set_default_timeout(10_000)
            yield page
        finally:
            await browser.close()
