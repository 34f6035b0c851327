"""Registering, and whose key it is. Fields, types and status codes are fixed by deployed clients."""

import re

from starlette.requests import Request
from starlette.responses import Response

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.money import json_dollars
from bioql_console.server import dev_answers
from bioql_console.server.gate import Gate
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import Answer, ApiError, asking_stripe, bearer_key, blocking, json_body, sdk_key
from bioql_console.server.values import flag_of, iso, optional_text, shown_limit, upstream
from bioql_console.services.live_lock import acting_for
from bioql_console.services.registration import EmailTaken, PaymentRefused, Registered

STRIPE_ID = re.compile(r"\w+", re.ASCII)


class AccountsApi:
    """`/auth/…`"""

    def __init__(self, parts: ServerParts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    async def register(self, request: Request) -> Response:
        self._gate.registering(request)
        body = await json_body(request)
        card, with_stripe = optional_text(body, "payment_method_id"), flag_of(body, "create_stripe_account")
        if card is not None and not STRIPE_ID.fullmatch(card):  # it becomes part of an address at Stripe
            raise ApiError(400, "Payment validation failed: payment_method_id is none of Stripe's")
        try:
            name, email = body.get("name"), body.get("email")
            made = await asking_stripe(self._parts, self._register, name, email, card, with_stripe)
        except EmailTaken:
            raise ApiError(409, "Email already registered") from None
        except PaymentRefused as refused:
            raise ApiError(400, f"Payment validation failed: {refused}") from refused
        except ValueError as error:
            raise ApiError(400, str(error)) from error
        except OperatorError as error:
            raise upstream(error) from error
        return Answer(self._registered(made), 201)

    def _register(self, name: object, email: object, card: str | None, with_stripe: bool) -> Registered:
        with acting_for(Standing.CUSTOMERS):
            return self._parts.registration.register(name, email, card, with_stripe)

    def _registered(self, made: Registered) -> dict[str, object]:
        user = made.user
        return {
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

    async def validate(self, request: Request) -> Response:
        body = await json_body(request)
        user = await self._gate.user(request, sdk_key(request, body))
        if user is None:
            return Answer(dev_answers.validation())
        quota = await blocking(self._parts, self._parts.plan_check.quota, user)
        return Answer(
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
                    "shots_used": quota.used,
                    "shots_remaining": shown_limit(quota.left),
                    "plan_limit": shown_limit(quota.limits.monthly_shots),
                },
            }
        )

    async def me(self, request: Request) -> Response:
        key = bearer_key(request)
        user = await self._gate.user(request, key)
        if user is None:
            return Answer(dev_answers.user(key))
        return Answer(
            {
                "id": user.id,
                "name": user.name,
                "email": user.email,
                "api_key": key,
                "stripe_customer_id": user.stripe_customer_id,
                "created_at": iso(user.created_ms),
            }
        )
