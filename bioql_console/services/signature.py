"""Checking who signed an event, with a verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import stripe

# The module looks its names up anew each time.
WebhookSignature = stripe.WebhookSignature
TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """Whether an event is Stripe's.

    Args:
        words: Why, for the inspector and the log; holds neither secret nor signature.
        secret_index: Which of the secrets fitted: 0 the current one, 1 the previous one.
        age_s: Seconds between signing and now; None when the header tells no time.
        clock_off_s: How far this computer's clock is ahead, when all but the time is right; negative when behind.
    """

    ok: bool
    words: str
    secret_index: int | None = None
    age_s: int | None = None
    clock_off_s: int | None = None


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
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return SignatureVerdict(False, "The body is no UTF-8 text.", age_s=age_s)
    index = next((index for index, secret in enumerate(secrets) if _fits(text, header, secret)), None)
    if abs(age_s) > TOLERANCE_S:
        return _out_of_time(age_s, rightly_signed=index is not None)
    if index is None:
        words = "No known secret fits: it was signed with another one, or the body was changed."
        return SignatureVerdict(False, words, age_s=age_s)
    which = "the current secret" if index == 0 else "the previous secret"
    return SignatureVerdict(True, f"Signed with {which}, {age_s} s old.", index, age_s)


def _out_of_time(age_s: int, *, rightly_signed: bool) -> SignatureVerdict:
    """The tolerance stays as it is; what is signed rightly tells how far the clocks are apart."""
    words = f"It is dated {-age_s} s in the future" if age_s < 0 else f"It was signed {age_s} s ago: too old"
    if not rightly_signed:
        return SignatureVerdict(False, f"{words}, or a clock is wrong.", age_s=age_s)
    how = f"{-age_s} s slow" if age_s < 0 else f"{age_s} s fast, unless it was held back on its way"
    why = f"{words}. It is signed rightly, so this computer's clock is {how}."
    return SignatureVerdict(False, why, age_s=age_s, clock_off_s=age_s)


def _fits(text: str, header: str, secret: str) -> bool:
    try:
        # Without a tolerance: the age is checked above, against the moment the caller means.
        return bool(WebhookSignature.verify_header(text, header, secret, tolerance=None))
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
    header = WebhookSignature.generate_signature_header(payload.decode("utf-8"), secret, timestamp=now_ms // 1000)
    return str(header)
