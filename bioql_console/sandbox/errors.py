"""Refusals, in the shape of Stripe's error objects."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error.

    Args:
        kept: What the handler changed stays, and the answer is stored under its idempotency key: a declined charge.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: object,
    ) -> None:
        super().__init__(message)
        self.status, self.kept = status, kept
        self.body: Json = {"type": kind, "message": message}
        if code:
            self.body["code"] = code
            self.body["doc_url"] = "https://docs.stripe.com/error-codes#" + code.replace("_", "-")
        if param:
            self.body["param"] = param
        self.body |= {name: value for name, value in more.items() if value is not None}


def missing(kind: str, object_id: str, param: str, status: int = 400) -> StripeError:
    """Nothing there by that id: 404 when the address named it, 400 when a parameter did."""
    name = {"billing.meter": "billing.meter", "checkout.session": "checkout.session"}.get(kind, kind)
    return StripeError(f"No such {name}: '{object_id}'", status=status, code="resource_missing", param=param)


def missing_param(name: str) -> StripeError:
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unexpected_state(message: str, code: str | None = None, **more: object) -> StripeError:
    return StripeError(message, code=code, **more)  # type: ignore[arg-type]


def card_error(code: str, decline_code: str | None, message: str, **more: object) -> StripeError:
    """A refused card. What was tried stays on record."""
    return StripeError(
        message,
        status=402,
        kind="card_error",
        code=code,
        kept=True,
        decline_code=decline_code,
        **more,  # type: ignore[arg-type]
    )
