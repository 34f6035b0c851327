"""May I run, I ran, I pay. Fields, types and status codes are fixed by deployed clients."""

from starlette.requests import Request
from starlette.responses import Response

from bioql_console.domain.checkout import AmountRefused, CheckoutLink, NoCustomer
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.money import json_dollars
from bioql_console.domain.prices import UnknownBackend
from bioql_console.domain.usage import Usage
from bioql_console.domain.users import User
from bioql_console.server import dev_answers
from bioql_console.server.gate import Gate
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import Answer, ApiError, asking_stripe, blocking, json_body, sdk_key
from bioql_console.server.values import (
    LONGEST_ID,
    amount,
    flag_of,
    optional_text,
    own_id,
    shots_of,
    shown_limit,
    text_of,
    upstream,
)
from bioql_console.services.live_lock import acting_for


class BillingApi:
    """What is run and paid for under `/billing/…`."""

    def __init__(self, parts: ServerParts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    async def check_limits(self, request: Request) -> Response:
        body = await json_body(request)
        user = await self._gate.user(request, sdk_key(request, body))
        shots, backend = shots_of(body, "requested_shots"), text_of(body, "backend", LONGEST_ID)
        if user is None:
            return Answer(dev_answers.limits(shots, backend))
        try:
            verdict = await blocking(self._parts, self._parts.plan_check.ask, user, shots, backend)
        except UnknownBackend as error:
            raise _unknown(backend) from error
        permission, left = verdict.permission, shown_limit(verdict.permission.left)
        if not permission.allowed:
            refusal = {
                "allowed": False,
                "reason": permission.reason,
                "upgrade_required": permission.upgrade,
                "shots_remaining": left,
            }
            return Answer(refusal, 403)
        return Answer(
            {
                "allowed": True,
                "cost": json_dollars(verdict.cost_micros),
                "remaining_shots": left,
                "shots_remaining": left,
                "plan": user.plan.value,
                "plan_limit": shown_limit(verdict.limits.monthly_shots),
            }
        )

    async def record_usage(self, request: Request) -> Response:
        body = await json_body(request)
        user = await self._gate.user(request, sdk_key(request, body))
        shots = shots_of(body, "shots_executed" if "shots_executed" in body else "shots")
        backend, succeeded = text_of(body, "backend", LONGEST_ID), flag_of(body, "success")
        usage_id = optional_text(body, "usage_id")
        if user is None:
            return Answer(dev_answers.usage(shots, backend))
        usage = await blocking(self._parts, self._record, user, shots, backend, succeeded, usage_id)
        return Answer(
            {
                "recorded": True,
                "usage_id": own_id(usage),
                "cost": json_dollars(usage.cost_micros),
                "shots": usage.shots,
                "backend": usage.backend,
            }
        )

    def _record(self, user: User, shots: int, backend: str, succeeded: bool, usage_id: str | None) -> Usage:
        recording = self._parts.usage_recording
        try:
            return recording.record(user, shots=shots, backend=backend, succeeded=succeeded, usage_id=usage_id)
        except UnknownBackend as error:
            raise _unknown(backend) from error

    async def create_payment(self, request: Request) -> Response:
        user = await self._gate.bearer(request)
        body = await json_body(request)
        micros = amount(body.get("amount"))
        if user is None:
            return Answer(dev_answers.payment())
        back = f"{self._parts.base_url.rstrip('/')}/dashboard.html?payment="
        try:
            link = await asking_stripe(self._parts, self._link, user.id, micros, back)
        except (AmountRefused, NoCustomer) as error:
            raise ApiError(400, str(error)) from error
        except OperatorError as error:
            raise upstream(error) from error
        return Answer({"session_id": link.session_id, "url": link.url})

    def _link(self, user_id: int, micros: int | None, back: str) -> CheckoutLink:
        with acting_for(Standing.CUSTOMERS):
            return self._parts.checkout_links.open(
                user_id,
                asked_micros=micros,
                success_url=f"{back}success",
                cancel_url=f"{back}cancel",
                operator="customer",
            )


def _unknown(backend: str) -> ApiError:
    return ApiError(400, f"Unknown backend: {backend}")
