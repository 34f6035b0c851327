"""Signing events as Stripe does."""

import hashlib
import hmac


def signature_header(secret: str, at: int, body: bytes) -> str:
    """`Stripe-Signature` of a body, made at a time in seconds."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"
