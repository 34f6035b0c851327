"""Reading and writing the values of the HTTP contract."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import micros_from_json
from bioql_console.server import dev_answers
from bioql_console.server.requests import ApiError

MOST_SHOTS = 1_000_000_000
MOST_DIGITS = 12


def remaining(limit: int | None, used: int) -> int:
    return dev_answers.UNLIMITED if limit is None else max(0, limit - used)


def shots_of(body: dict[str, Any], name: str) -> int:
    shots = body.get(name)
    # Some clients send 100.0. The exponent is looked at first: 1e999999999 is one short line and a giant integer.
    if isinstance(shots, Decimal) and shots.adjusted() < MOST_DIGITS and shots == int(shots):
        shots = int(shots)
    if type(shots) is not int or not 0 < shots <= MOST_SHOTS:
        raise ApiError(400, f"{name} must be a whole number from 1 to {MOST_SHOTS}")
    return shots


def backend_of(body: dict[str, Any]) -> str:
    backend = body.get("backend")
    if not isinstance(backend, str) or not backend.strip() or len(backend) > 100:
        raise ApiError(400, "backend must be named")
    return backend


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


def upstream(error: OperatorError) -> ApiError:
    """What to tell a customer about a failure that is ours or Stripe's."""
    if error.code == "checkout.paying":
        return ApiError(409, "A payment is already on its way")
    if error.code.startswith("db."):
        return ApiError(503, "The service is busy, please try again")
    return ApiError(502, "The payment service is not available, please try again later")


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
