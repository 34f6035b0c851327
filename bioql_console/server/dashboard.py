"""The customer's dashboard page: one file, no script from elsewhere."""

import base64
import os
from functools import cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bioql_console.resources import resource

NONCE_MARK = "__NONCE__"


@cache
def _page() -> str:
    return resource("web/dashboard.html").read_text("utf-8")


async def dashboard_page(request: Request) -> Response:
    """The page, with a fresh nonce so that only its own script and style run."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(_page().replace(NONCE_MARK, nonce), headers=headers)
