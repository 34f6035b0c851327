"""Reading requests with suspicion, and who sent them."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from bioql_console.domain.users import DEV_KEY_PREFIX, User
from bioql_console.server.parts import ServerParts

R = TypeVar("R")

LARGEST_BODY = 64 * 1024
LONGEST_KEY = 200
SLOWEST_BODY_S = 10
INVALID_KEY = "Invalid API key"


class ApiError(Exception):
    """An answer other than 200: the status and the sentence for `{"error": …}`."""

    def __init__(self, status: int, sentence: str, **fields: object) -> None:
        super().__init__(sentence)
        self.status = status
        self.content = {"error": sentence, **fields}

    def response(self) -> JSONResponse:
        return JSONResponse(self.content, self.status)


class DevKey(str):
    """A key for trying things out: it never reaches Stripe or real users."""


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; numbers with decimals stay exact.

    Raises:
        ApiError: 413 too large, 408 too slow, 400 not a JSON object.
    """
    chunks, size = [], 0
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST_BODY:
                    raise ApiError(413, "The request is too large")
                chunks.append(chunk)
        found = json.loads(b"".join(chunks), parse_float=Decimal, parse_constant=_refuse_constant)
    except TimeoutError as error:
        raise ApiError(408, "The request took too long") from error
    except ClientDisconnect as error:
        raise ApiError(400, "The request was cut off") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The request must be a JSON object") from error
    if not isinstance(found, dict):
        raise ApiError(400, "The request must be a JSON object")
    return found


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
    key = body.get("api_key") or request.headers.get("x-api-key", "")
    return _checked_key(key if isinstance(key, str) else "")


def _checked_key(key: str) -> str:
    if not key or len(key) > LONGEST_KEY:
        raise ApiError(401, INVALID_KEY)
    return DevKey(key) if key.startswith(DEV_KEY_PREFIX) else key


async def caller(parts: ServerParts, key: str) -> User | None:
    """Whose key it is; None for a dev key where those are allowed. Raises ApiError 401."""
    if isinstance(key, DevKey):
        if not parts.dev_keys_allowed:
            raise ApiError(401, INVALID_KEY)
        return None
    user = await blocking(parts, parts.user_admin.authenticate, key)
    if user is None:
        raise ApiError(401, INVALID_KEY)
    return user


async def blocking(parts: ServerParts, work: Callable[..., R], *args: Any) -> R:
    """Run what touches disk or network on the server's own threads, never on its loop."""
    return await asyncio.get_running_loop().run_in_executor(parts.pool, lambda: work(*args))
