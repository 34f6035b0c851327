"""What callers do: register, check, report usage, pay. Fields, types and status codes are fixed by deployed clients."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bioql_console.domain.checkout import AmountRefused
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import json_dollars
from bioql_console.domain.prices import UnknownBackend
from bioql_console.domain.statements import utc_month
from bioql_console.domain.users import Plan, User
from bioql_console.server import dev_answers
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import ApiError, bearer_key, blocking, caller, json_body, sdk_key
from bioql_console.server.values import amount, backend_of, iso, remaining, shots_of, upstream
from bioql_console.services.checkout_links import NoCustomer
from bioql_console.services.registration import EmailTaken, PaymentRefused

MONTHLY_SHOTS = {Plan.FREE: 1_000, Plan.BASIC: 50_000, Plan.PRO: 500_000, Plan.ENTERPRISE: None}


class ActingApi:
    """Routes that callers act through. Errors are raised as ApiError and answered in one place."""

    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts

    async def register(self, request: Request) -> Response:
        body = await json_body(request)
        payment_method = body.get("payment_method_id")
        if payment_method is not None and not isinstance(payment_method, str):
            raise ApiError(400, "payment_method_id must be text")
        with_stripe = body.get("create_stripe_account", True) is not False
        try:
            made = await blocking(
                self._parts,
                self._parts.registration.register,
                body.get("name"),
                body.get("email"),
                payment_method or None,
                with_stripe,
            )
        except EmailTaken:
            raise ApiError(409, "Email already registered") from None
        except PaymentRefused as refused:
            raise ApiError(400, f"Payment validation failed: {refused}") from refused
        except ValueError as error:
            raise ApiError(400, str(error)) from error
        except OperatorError as error:
            raise upstream(error) from error
        user = made.user
        answer = {
            "success": True,
            "user": {
                "id": user.id,
                "email": user.email,
                "name": user.name,
                "api_key": made.api_key,
                "tier": user.plan.value,
                "balance": json_dollars(user.balance.available_credit_micros),
                "stripe_customer_id": user.stripe_customer_id,
                "stripe_subscription_id": user.stripe_subscription_id,
            },
            "stripe_customer_created": made.stripe_customer_created,
            "stripe_subscription_created": user.stripe_subscription_id is not None,
            "invoice_threshold_usd": self._parts.invoice_threshold_cents // 100,
            "message": "User registered",
        }
        return JSONResponse(answer, 201)

    async def validate(self, request: Request) -> Response:
        body = await json_body(request)
        user = await caller(self._parts, sdk_key(request, body))
        if user is None:
            return JSONResponse(dev_answers.validation())
        used = await blocking(self._parts, self._shots_this_month, user)
        limit = MONTHLY_SHOTS[user.plan]
        return JSONResponse(
            {
                "valid": True,
                "user_id": user.id,
                "email": user.email,
                "plan": user.plan.value,
                "tier": user.plan.value,
                "user": {
                    "balance": json_dollars(user.balance.available_credit_micros),
                    "tier": user.plan.value,
                    "email": user.email,
                    "name": user.name,
                },
                "quota": {
                    "shots_used": used,
                    "shots_remaining": remaining(limit, used),
                    "plan_limit": dev_answers.UNLIMITED if limit is None else limit,
                },
            }
        )

    async def me(self, request: Request) -> Response:
        key = bearer_key(request)
        user = await caller(self._parts, key)
        if user is None:
            return JSONResponse(dev_answers.user(key))
        return JSONResponse(
            {
                "id": user.id,
                "name": user.name,
                "email": user.email,
                "api_key": key,
                "stripe_customer_id": user.stripe_customer_id,
                "created_at": iso(user.created_ms),
            }
        )

    async def check_limits(self, request: Request) -> Response:
        body = await json_body(request)
        user = await caller(self._parts, sdk_key(request, body))
        shots, backend = shots_of(body, "requested_shots"), backend_of(body)
        if user is None:
            return JSONResponse(dev_answers.limits(shots, backend))
        used = await blocking(self._parts, self._shots_this_month, user)
        limit = MONTHLY_SHOTS[user.plan]
        left = remaining(limit, used)
        if limit is not None and shots > left:
            refusal = {
                "allowed": False,
                "reason": f"Monthly limit of {limit:,} shots reached",
                "upgrade_required": True,
                "shots_remaining": left,
            }
            return JSONResponse(refusal, 403)
        cost = await self._price(shots, backend)
        return JSONResponse(
            {
                "allowed": True,
                "cost": json_dollars(cost),
                "remaining_shots": left,
                "shots_remaining": left,
                "plan": user.plan.value,
                "plan_limit": dev_answers.UNLIMITED if limit is None else limit,
            }
        )

    async def _price(self, shots: int, backend: str) -> int:
        try:
            return await blocking(self._parts, self._parts.usage_recording.price_micros, shots, backend)
        except UnknownBackend as error:
            raise ApiError(400, f"Unknown backend: {backend[:100]}") from error

    async def record_usage(self, request: Request) -> Response:
        body = await json_body(request)
        user = await caller(self._parts, sdk_key(request, body))
        shots = shots_of(body, "shots_executed" if "shots_executed" in body else "shots")
        backend, succeeded = backend_of(body), body.get("success", True) is not False
        if user is None:
            return JSONResponse(dev_answers.usage())
        usage_id = body.get("usage_id")
        if usage_id is not None and (not isinstance(usage_id, str) or not 0 < len(usage_id) <= 100):
            raise ApiError(400, "usage_id must be 1–100 characters")
        recording = self._parts.usage_recording
        try:
            usage = await blocking(
                self._parts,
                lambda: recording.record(user, shots=shots, backend=backend, succeeded=succeeded, usage_id=usage_id),
            )
        except UnknownBackend as error:
            raise ApiError(400, f"Unknown backend: {backend[:100]}") from error
        return JSONResponse(
            {
                "recorded": True,
                "usage_id": usage.usage_id,
                "cost": json_dollars(usage.cost_micros),
                "shots": usage.shots,
                "backend": usage.backend,
            }
        )

    async def create_payment(self, request: Request) -> Response:
        user = await caller(self._parts, bearer_key(request))
        body = await json_body(request)
        micros = amount(body.get("amount"))
        if user is None:
            return JSONResponse(dev_answers.payment())
        back = f"{self._parts.base_url.rstrip('/')}/dashboard.html?payment="
        try:
            link = await blocking(
                self._parts,
                lambda: self._parts.checkout_links.open(
                    user.id,
                    asked_micros=micros,
                    success_url=f"{back}success",
                    cancel_url=f"{back}cancel",
                    operator="customer",
                ),
            )
        except (AmountRefused, NoCustomer) as error:
            raise ApiError(400, str(error)) from error
        except OperatorError as error:
            raise upstream(error) from error
        return JSONResponse({"session_id": link.session_id, "url": link.url})

    def _shots_this_month(self, user: User) -> int:
        now_ms = self._parts.now_ms()
        first = datetime.strptime(utc_month(now_ms), "%Y-%m").replace(tzinfo=UTC)
        with self._parts.store.read() as work:
            days = work.usage.daily(round(first.timestamp() * 1000), now_ms + 1, user.id)
        return sum(day.shots for day in days)
