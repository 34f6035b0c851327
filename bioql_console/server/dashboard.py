"""The customer's dashboard: the files of resources/web put together into one page, with no script from elsewhere."""

import base64
import os
import re
from functools import cache

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bioql_console.resources import resource

NONCE_MARK = "__NONCE__"
STYLE = re.compile(r'<link rel="stylesheet" href="(?P<name>[\w.]+)">')
SCRIPT = re.compile(r'<script(?P<attributes>[^>]*?) src="(?P<name>[\w.]+)"></script>')


def _file(name: str) -> str:
    return resource(f"web/{name}").read_text("utf-8")


def _script(found: re.Match[str]) -> str:
    # In JSON and in JavaScript's strings "<\/" is "</"; as HTML it no longer ends the script.
    code = _file(found["name"]).replace("</", "<\\/")
    return f'<script{found["attributes"]} nonce="{NONCE_MARK}">\n{code}</script>'


@cache
def _page() -> str:
    """One answer instead of a dozen: nothing can arrive late, half, or from another version."""
    page = STYLE.sub(
        lambda found: f'<style nonce="{NONCE_MARK}">\n{_file(found["name"])}</style>', _file("dashboard.html")
    )
    return SCRIPT.sub(_script, page)


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
