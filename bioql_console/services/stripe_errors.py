"""Stripe's failures, said so that an operator knows the next step. No text here ever holds a key."""

import re
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.services.stripe_catalog import Resource

LONGEST_QUOTE = 300
# How Stripe's refusal names the permission that a restricted key lacks, e.g. 'rak_customer_write'.
_MISSING = re.compile(r"rak_([a-z_]+?)_(read|write)\b")
_SECRETS = re.compile(r"\b(sk|rk|pk)_(test|live)_\S+|\bwhsec_\S+")

# Stripe said no to this very request: sending it again changes nothing.
FINAL = frozenset(("stripe.refused", "stripe.not_found", "stripe.idempotency"))
# It may have been done all the same: look at Stripe before doing it another way.
OUTCOME_UNKNOWN = frozenset(("stripe.unreachable", "stripe.failed", "stripe.busy", "stripe.wrong_mode"))

_BY_STATUS = {
    401: (
        "stripe.key_refused",
        "Stripe does not accept the secret key.",
        "Enter a current key in Settings › Credentials.",
    ),
    403: (
        "stripe.permission",
        "The restricted key may not do this.",
        "Give the key the missing permission on Stripe's API keys page.",
    ),
    409: ("stripe.busy", "Stripe is still working on the same request.", "Wait a moment, then retry."),
    429: ("stripe.rate_limited", "Stripe asks us to slow down.", "Wait a moment, then retry."),
}


class SlowDown(OperatorError):
    """Stripe answered 429 to a call whose caller keeps the pause itself.

    Args:
        pause_ms: What Stripe asks for; 0 when it does not say.
    """

    def __init__(self, pause_ms: int) -> None:
        code, what, fix = _BY_STATUS[429]
        super().__init__(what, fix=fix, code=code)
        self.pause_ms = pause_ms


class RepeatedFailure(OperatorError):
    """A failure of Stripe's own that it only repeated, because the idempotency key was the same.

    It goes on doing so for a day, and it may have carried the request out all the same.
    """


class CardRefused(Exception):
    """Stripe refused the card or payment method. The message is Stripe's sentence for the customer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The facts of a failed call, without anything that was sent.

    Args:
        status: HTTP status; None when there was no answer.
        kind: Stripe's error type, e.g. "invalid_request_error".
        code: Stripe's error code, e.g. "resource_missing".
        message: Stripe's own sentence.
        cause: What broke when there was no answer: the name of the exception's class.
        repeated: It is the answer to an earlier request with the same idempotency key.
    """

    status: int | None
    kind: str = ""
    code: str = ""
    message: str = ""
    cause: str = ""
    request_id: str = ""
    repeated: bool = False

    def exception(self) -> OperatorError | CardRefused:
        """What to raise."""
        if self.status is None:
            return _unreachable(self.cause)
        if self.status == 402:
            return CardRefused(self._quote() or "The card was refused.")
        if self.kind == "idempotency_error":
            return OperatorError(
                "Stripe saw the same request before, with other content.",
                fix="Reload the page, then try again.",
                code="stripe.idempotency",
            )
        if self.status == 401 and self.code == "api_key_expired":
            return OperatorError(
                "Stripe says that this key has expired: it was rolled or deleted there.",
                fix="Enter its successor in Settings › Credentials.",
                code="stripe.key_refused",
            )
        if self.status == 403 and (missing := _MISSING.search(self.message)):
            return missing_permission(missing[1], missing[2])
        if self.status in _BY_STATUS:
            code, what, fix = _BY_STATUS[self.status]
            return OperatorError(what, fix=fix, code=code)
        if self.status >= 500:
            return (RepeatedFailure if self.repeated else OperatorError)(
                f"Stripe has a problem of its own (HTTP {self.status}{self._number()}).",
                fix="Retry in a moment; nothing is done twice.",
                code="stripe.failed",
            )
        return self._refusal()

    def _refusal(self) -> OperatorError:
        if self.status == 404 or self.code == "resource_missing":
            return OperatorError(
                f"Stripe does not have it: {self._quote() or 'no such object'}{self._number()}",
                fix="Check that the key belongs to the Stripe account in which it was made.",
                code="stripe.not_found",
            )
        return OperatorError(
            f"Stripe refused: {self._quote() or 'the request is not valid'}{self._number()}",
            fix="Correct what it names, then retry.",
            code="stripe.refused",
        )

    def _quote(self) -> str:
        return _SECRETS.sub("(a key)", " ".join(self.message.split()))[:LONGEST_QUOTE]

    def _number(self) -> str:
        """Stripe's support finds a request by its number."""
        return f" ({self.request_id})" if re.fullmatch(r"req_\w{1,60}", self.request_id) else ""


def _unreachable(cause: str) -> OperatorError:
    if cause == "SSLError":
        return OperatorError(
            "The connection to Stripe is not private: the certificate can't be verified.",
            fix="Check the computer's clock and whether a proxy opens encrypted connections.",
            code="stripe.unreachable",
        )
    if "Timeout" in cause:
        return OperatorError(
            "Stripe did not answer in time.", fix="Check the network, then retry.", code="stripe.unreachable"
        )
    return OperatorError("Stripe can't be reached.", fix="Check the network, then retry.", code="stripe.unreachable")


def missing_permission(slug: str, access: str) -> OperatorError:
    """What a restricted key lacks, in the words of Stripe's API keys page."""
    title = next((each.value for each in Resource if each.slug == slug), slug.replace("_", " ").capitalize())
    return OperatorError(
        f"The restricted key may not do this: it lacks {title}: {access.capitalize()}.",
        fix=f"Set {title} to {access.capitalize()} on Stripe's API keys page.",
        code="stripe.permission",
    )


def not_understood() -> OperatorError:
    return OperatorError(
        "Stripe's answer lacks what it must have.",
        fix="Retry; if it stays so, the console is too old for this Stripe account.",
        code="stripe.failed",
    )


def wrong_mode(livemode: bool, word: str) -> OperatorError:
    return OperatorError(
        f"Stripe answered with {'live' if livemode else 'test'} data, but the environment is {word}.",
        fix="Check which key is stored for this environment.",
        code="stripe.wrong_mode",
    )
