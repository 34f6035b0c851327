"""The BioQL server: the webhook path straight on ASGI, everything else through Starlette."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bioql_console.domain.errors import OperatorError
from bioql_console.server.acting import ActingApi
from bioql_console.server.dashboard import dashboard_page
from bioql_console.server.parts import ServerParts
from bioql_console.server.reading import ReadingApi
from bioql_console.server.requests import ApiError
from bioql_console.server.webhook_endpoint import Receive, Scope, Send, WebhookEndpoint, answer

__all__ = ["ServerParts", "create_app"]

WEBHOOK_PATH = "/webhooks/stripe"
ALLOWED_HEADERS = ("Authorization", "Content-Type", "X-API-Key", "ngrok-skip-browser-warning")


def create_app(parts: ServerParts) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The ASGI application."""
    webhook = WebhookEndpoint(parts.inbox_writer, parts.webhook_secrets, parts.listener, parts.now_ms)
    rest = _starlette(parts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not host_allowed(scope, parts.allowed_hosts):
            await answer(send, 421, {"error": "This server does not answer to that name"})
        elif scope["type"] == "http" and scope["path"] == WEBHOOK_PATH:
            await webhook(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


def host_allowed(scope: Scope, allowed: frozenset[str]) -> bool:
    """Whether the Host header names this server. Another name means DNS rebinding by some web page."""
    if not allowed:
        return True
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    try:
        return urlsplit(f"//{host}").hostname in allowed
    except ValueError:
        return False


def _starlette(parts: ServerParts) -> Starlette:
    reading, acting = ReadingApi(parts), ActingApi(parts)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/health", reading.health),
        ("GET", "/stats", reading.stats),
        ("POST", "/auth/register", acting.register),
        ("POST", "/auth/validate", acting.validate),
        ("GET", "/auth/user", acting.me),
        ("POST", "/billing/check-limits", acting.check_limits),
        ("POST", "/billing/record-usage", acting.record_usage),
        ("POST", "/billing/log-usage", acting.record_usage),
        ("POST", "/billing/create-payment", acting.create_payment),
        ("GET", "/dashboard/invoices", reading.invoices),
        ("GET", "/analytics/usage", reading.analytics),
        ("GET", "/dashboard.html", dashboard_page),
        ("GET", "/", _to_dashboard),
    ]
    origins = Middleware(
        CORSMiddleware,
        allow_origins=list(parts.allowed_origins),
        allow_methods=["GET", "POST", "OPTIONS"],
        allow_headers=list(ALLOWED_HEADERS),
    )
    handlers: Any = {ApiError: _api_error, HTTPException: _http_error, OperatorError: _operator_error}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        parts.pool.shutdown(wait=False, cancel_futures=True)

    return Starlette(
        routes=[Route(path, handler, methods=[method]) for method, path, handler in table],
        middleware=[origins],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


async def _to_dashboard(request: Request) -> Response:
    return RedirectResponse("/dashboard.html")


async def _api_error(request: Request, error: ApiError) -> Response:
    return error.response()


async def _http_error(request: Request, error: HTTPException) -> Response:
    sentences = {404: "There is nothing at this address", 405: "This method is not allowed here"}
    return JSONResponse({"error": sentences.get(error.status_code, error.detail)}, error.status_code, error.headers)


async def _operator_error(request: Request, error: OperatorError) -> Response:
    return JSONResponse({"error": "The service is busy, please try again"}, 503)
