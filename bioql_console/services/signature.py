"""Checking who signed an event, with a verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import stripe

TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """Whether an event is Stripe's.

    Args:
        words: Why, for the inspector and the log; holds neither secret nor signature.
        secret_index: Which of the secrets fitted: 0 the current one, 1 the previous one.
        age_s: Seconds between signing and now; None when the header tells no time.
    """

    ok: bool
    words: str
    secret_index: int | None = None
    age_s: int | None = None


def verify(payload: bytes, header: str, secrets: Sequence[str], now_ms: int) -> SignatureVerdict:
    """Check a `Stripe-Signature` header against every current secret.

    Stripe's own check accepts timestamps from the future; ours allows them no more than it allows the past.
    """
    if not secrets:
        return SignatureVerdict(False, "There is no signing secret to check it with.")
    if not header:
        return SignatureVerdict(False, "It is not signed: the Stripe-Signature header is missing.")
    signed_s = _timestamp(header)
    if signed_s is None or not header.isascii():
        return SignatureVerdict(False, "The Stripe-Signature header can't be read.")
    age_s = now_ms // 1000 - signed_s
    if age_s < -TOLERANCE_S:
        return SignatureVerdict(False, f"It is dated {-age_s} s in the future: a clock is wrong.", age_s=age_s)
    if age_s > TOLERANCE_S:
        return SignatureVerdict(False, f"It was signed {age_s} s ago: too old, or a clock is wrong.", age_s=age_s)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return SignatureVerdict(False, "The body is no UTF-8 text.", age_s=age_s)
    for index, secret in enumerate(secrets):
        if _fits(text, header, secret):
            which = "the current secret" if index == 0 else "the previous secret"
            return SignatureVerdict(True, f"Signed with {which}, {age_s} s old.", index, age_s)
    return SignatureVerdict(
        False, "No known secret fits: it was signed with another one, or the body was changed.", age_s=age_s
    )


def _fits(text: str, header: str, secret: str) -> bool:
    try:
        # Without a tolerance: the age is checked above, against the moment the caller means.
        return bool(stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None))
    except stripe.SignatureVerificationError:
        return False


def _timestamp(header: str) -> int | None:
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    return None


def sign(payload: bytes, secret: str, now_ms: int) -> str:
    """The header that Stripe would send with `payload`, for heartbeats and the laboratory."""
    header = stripe.WebhookSignature.generate_signature_header(
        payload.decode("utf-8"), secret, timestamp=now_ms // 1000
    )
    return str(header)
