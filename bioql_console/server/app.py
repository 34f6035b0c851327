"""The BioQL server: the webhook path straight on ASGI, everything else through Starlette."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bioql_console.domain.errors import OperatorError
from bioql_console.server.accounts import AccountsApi
from bioql_console.server.billing import BillingApi
from bioql_console.server.dashboard import dashboard_page
from bioql_console.server.doors import OwnPages, header_of, host_allowed
from bioql_console.server.gate import Gate
from bioql_console.server.heads import has_one_spelling
from bioql_console.server.openapi import DOCUMENT
from bioql_console.server.own_rows import OwnRowsApi
from bioql_console.server.parts import ServerParts
from bioql_console.server.reading import ReadingApi
from bioql_console.server.requests import Answer, ApiError
from bioql_console.server.short_way import ShortWay
from bioql_console.server.webhook_endpoint import Receive, Scope, Send, WebhookEndpoint, answer

__all__ = ["ServerParts", "create_app"]

WEBHOOK_PATH = "/webhooks/stripe"
NOTHING_HERE = "There is nothing at this address"
ALLOWED_HEADERS = ("Authorization", "Content-Type", "X-API-Key", "ngrok-skip-browser-warning")

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(parts: ServerParts) -> Any:
    """The ASGI application."""
    webhook = WebhookEndpoint(parts.inbox_writer, parts.webhook_secrets, parts.listener, parts.now_ms)
    rest = _starlette(parts)
    origins = frozenset(origin.rstrip("/") for origin in parts.allowed_origins)
    shared = _readable_for(rest, parts.allowed_origins)
    pages = OwnPages(parts.base_url, origins)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await rest(scope, receive, send)
        elif not host_allowed(scope, parts.allowed_hosts):
            await answer(send, 421, {"error": "This server does not answer to that name"})
        elif not has_one_spelling(scope["raw_path"]):
            await answer(send, 404, {"error": NOTHING_HERE})
        elif not pages.may_send(scope):
            await answer(send, 403, {"error": "Pages of other sites may not change anything here"})
        elif scope["path"] == WEBHOOK_PATH:
            await webhook(scope, receive, send)
        elif header_of(scope, b"origin") in origins:
            await shared(scope, receive, send)
        else:
            await rest(scope, receive, send)

    # Behind a proxy, who asks is known only on the long way.
    short_way = ShortWay(webhook, WEBHOOK_PATH.encode(), parts.allowed_hosts)
    app.short_way = None if parts.trusted_proxies else short_way  # type: ignore[attr-defined]
    return _behind(parts.trusted_proxies, app)


def _readable_for(app: Any, origins: tuple[str, ...]) -> Any:
    """Pages of these origins may call, from the public network too, and read every answer, also a refusal."""
    return CORSMiddleware(
        app,
        allow_origins=[origin.rstrip("/") for origin in origins],
        allow_methods=["GET", "POST"],
        allow_headers=ALLOWED_HEADERS,
        allow_private_network=True,
        expose_headers=["Retry-After"],
    )


def _behind(proxies: tuple[str, ...], app: Any) -> Any:
    return ProxyHeadersMiddleware(app, list(proxies)) if proxies else app


def _starlette(parts: ServerParts) -> Starlette:
    handlers: Any = {
        ApiError: _api_error,
        HTTPException: _http_error,
        OperatorError: _operator_error,
        Exception: _bug,
    }

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        for pool in (parts.pool, parts.stripe_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    app = Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in routes(parts)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an address with one more slash is another address
    return app


def routes(parts: ServerParts) -> list[tuple[str, str, Endpoint]]:
    """Everything that is answered here; `openapi.py` describes all but the pages."""
    gate = Gate(parts)
    accounts, billing = AccountsApi(parts, gate), BillingApi(parts, gate)
    reading, own_rows = ReadingApi(parts, gate), OwnRowsApi(parts, gate)
    return [
        ("GET", "/health", reading.health),
        ("GET", "/stats", reading.stats),
        ("POST", "/auth/register", accounts.register),
        ("POST", "/auth/validate", accounts.validate),
        ("GET", "/auth/user", accounts.me),
        ("POST", "/billing/check-limits", billing.check_limits),
        ("POST", "/billing/record-usage", billing.record_usage),
        ("POST", "/billing/log-usage", billing.record_usage),
        ("GET", "/billing/usage/{user_id}", own_rows.usage),
        ("GET", "/billing/invoices/{user_id}", own_rows.invoices),
        ("POST", "/billing/create-payment", billing.create_payment),
        ("GET", "/dashboard/invoices", own_rows.months),
        ("GET", "/analytics/usage", reading.analytics),
        ("POST", "/support/ticket", own_rows.ticket),
        ("GET", "/openapi.json", _document),
        ("GET", "/dashboard.html", dashboard_page),
        ("GET", "/", _to_dashboard),
    ]


async def _document(request: Request) -> Response:
    return Answer(DOCUMENT)


async def _to_dashboard(request: Request) -> Response:
    return RedirectResponse("/dashboard.html")


async def _api_error(request: Request, error: ApiError) -> Response:
    return Answer({"error": error.sentence}, error.status, error.headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = f"{headers['Allow']}, OPTIONS"
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    sentences = {404: NOTHING_HERE, 405: "This method is not allowed here"}
    return Answer({"error": sentences.get(error.status_code, error.detail)}, error.status_code, headers)


async def _operator_error(request: Request, error: OperatorError) -> Response:
    return Answer({"error": "The service is busy, please try again"}, 503)


async def _bug(request: Request, error: Exception) -> Response:
    """Starlette raises it again, so that it is logged."""
    return Answer({"error": "Something went wrong here and was noted; please try again"}, 500)
