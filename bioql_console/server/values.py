"""Reading and writing the values of the HTTP contract. What can't be is refused with a sentence that names it."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from starlette.requests import Request

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import micros_from_json
from bioql_console.domain.paging import Cursor
from bioql_console.domain.usage import Usage
from bioql_console.domain.users import storable
from bioql_console.server.requests import ApiError

UNLIMITED = 999_999
MOST_SHOTS = 1_000_000_000
MOST_DIGITS = 12
LONGEST_ID = 100
PAGE = 50
LARGEST_PAGE = 500
CURSOR = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)

Choice = TypeVar("Choice", bound=Enum)


def shown_limit(shots: int | None) -> int:
    """Deployed clients know no "no limit"."""
    return UNLIMITED if shots is None else shots


def own_id(usage: Usage) -> str:
    """A run's id as its client gave it; ours names the user, too, so that ids of different users can't collide."""
    return usage.usage_id.removeprefix(f"{usage.user_id}:")


def shots_of(body: dict[str, Any], name: str) -> int:
    shots = body.get(name)
    # Some clients send 100.0. The exponent is looked at first: 1e999999999 is one short line and a giant integer.
    if isinstance(shots, Decimal) and shots.adjusted() < MOST_DIGITS and shots == int(shots):
        shots = int(shots)
    if type(shots) is not int or not 0 < shots <= MOST_SHOTS:
        raise ApiError(400, f"{name} must be a whole number from 1 to {MOST_SHOTS}")
    return shots


def text_of(body: dict[str, Any], name: str, longest: int) -> str:
    """Text that is not blank, trimmed."""
    text = body.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > longest or not storable(text):
        raise ApiError(400, f"{name} must be 1–{longest} characters of text")
    return text.strip()


def optional_text(body: dict[str, Any], name: str, longest: int = LONGEST_ID) -> str | None:
    """None when it is missing, null or blank, as some clients send what they don't have."""
    value = body.get(name)
    blank = value is None or (isinstance(value, str) and not value.strip())
    return None if blank else text_of(body, name, longest)


def flag_of(body: dict[str, Any], name: str) -> bool:
    """True unless it says otherwise."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(400, f"{name} must be true or false")
    return value is not False


def choice_of(body: dict[str, Any], name: str, choices: type[Choice]) -> Choice:
    try:
        return choices(body.get(name))
    except ValueError as error:
        known = ", ".join(str(choice.value) for choice in choices)
        raise ApiError(400, f"{name} must be one of {known}") from error


def amount(value: object) -> int:
    if value is None:
        raise ApiError(400, "Amount is missing")
    try:
        micros = micros_from_json(value)
    except ValueError as error:
        raise ApiError(400, "Amount must be a number of dollars") from error
    if micros <= 0:
        raise ApiError(400, "Amount must be greater than 0")
    return micros


def page_of(request: Request) -> tuple[Cursor | None, int]:
    """Where a page starts and how many rows it has: `?after=` (what the page before gave as `next`) and `?limit=`."""
    after, limit = request.query_params.get("after"), request.query_params.get("limit", str(PAGE))
    if not re.fullmatch(r"\d{1,3}", limit, re.ASCII) or not 1 <= int(limit) <= LARGEST_PAGE:
        raise ApiError(400, f"limit must be a whole number from 1 to {LARGEST_PAGE}")
    if after is None:
        return None, int(limit)
    found = CURSOR.fullmatch(after)
    if found is None:
        raise ApiError(400, "after must be what the page before gave as next")
    return Cursor(int(found[1]), int(found[2])), int(limit)


def next_page(cursor: Cursor | None) -> str | None:
    return None if cursor is None else f"{cursor.value}-{cursor.id}"


def upstream(error: OperatorError) -> ApiError:
    """What to tell a customer about a failure that is ours or Stripe's."""
    if error.code == "checkout.paying":
        return ApiError(409, "A payment is already on its way")
    if error.code.startswith("db.") or error.code == "checkout.changed":
        return ApiError(503, "The service is busy, please try again")
    return ApiError(502, "The payment service is not available, please try again later")


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_day(at_ms: int) -> str:
    return iso(at_ms)[:10]
