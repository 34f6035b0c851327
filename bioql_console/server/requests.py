"""Reading requests with suspicion, and answering them."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from decimal import Decimal
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from bioql_console.domain.users import DEV_KEY_PREFIX
from bioql_console.server.parts import ServerParts

R = TypeVar("R")

LARGEST_BODY = 64 * 1024
LONGEST_KEY = 200
SLOWEST_BODY_S = 10
INVALID_KEY = "Invalid API key"


class ApiError(Exception):
    """An answer other than 200: the status and the sentence for `{"error": …}`."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


class Answer(JSONResponse):
    """JSON that no cache keeps: answers hold keys and balances, and differ by who asks."""

    def __init__(self, content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status, {"Cache-Control": "no-store", **(headers or {})})


class DevKey(str):
    """A key for trying things out: it never reaches Stripe or real users."""


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; numbers with decimals stay exact.

    Raises:
        ApiError: 413 too large, 415 compressed, 408 too slow, 400 not a JSON object.
    """
    if request.headers.get("content-encoding", "identity") not in ("", "identity"):
        raise ApiError(415, "Compressed bodies are not accepted")
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            body = await _body(request)
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except TimeoutError as error:
        raise ApiError(408, "The request took too long") from error
    except ClientDisconnect as error:
        raise ApiError(400, "The request was cut off") from error
    except (ValueError, ArithmeticError, RecursionError) as error:  # arithmetic: an exponent beyond Decimal's
        raise ApiError(400, "The request must be a JSON object") from error
    if not isinstance(found, dict):
        raise ApiError(400, "The request must be a JSON object")
    return found


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 9 or int(length) > LARGEST_BODY):
        raise ApiError(413, "The request is too large")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise ApiError(413, "The request is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def bearer_key(request: Request) -> str:
    """The key of a dashboard's request. Raises ApiError 401."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ApiError(401, INVALID_KEY)
    return _checked_key(key.strip())


def sdk_key(request: Request, body: dict[str, Any]) -> str:
    """The key of an SDK's request: in the body, or in `X-API-Key`. Raises ApiError 401."""
    key = body.get("api_key")
    if key is None or key == "":
        key = request.headers.get("x-api-key", "")
    return _checked_key(key if isinstance(key, str) else "")


def _checked_key(key: str) -> str:
    if not key or len(key) > LONGEST_KEY:
        raise ApiError(401, INVALID_KEY)
    return DevKey(key) if key.startswith(DEV_KEY_PREFIX) else key


async def blocking(parts: ServerParts, work: Callable[..., R], *args: Any) -> R:
    """Run what touches the disk on the server's own threads, never on its loop."""
    return await _on(parts.pool, work, *args)


async def asking_stripe(parts: ServerParts, work: Callable[..., R], *args: Any) -> R:
    """Run what waits for Stripe, where nobody else waits for it."""
    return await _on(parts.stripe_pool, work, *args)


async def _on(pool: Executor, work: Callable[..., R], *args: Any) -> R:
    return await asyncio.get_running_loop().run_in_executor(pool, lambda: work(*args))
