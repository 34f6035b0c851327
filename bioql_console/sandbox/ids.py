"""Identifiers that look like Stripe's: a prefix that says what it is, then random letters and digits."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """A new id, e.g. `new_id("cus_")`; checkout sessions are longer, as Stripe's are."""
    return prefix + random_text(58 if prefix.startswith("cs_") else 24)
