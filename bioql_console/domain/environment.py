"""Sandbox, Test and Live, and the Stripe keys that belong to each."""

import re
from enum import Enum

from bioql_console.domain.errors import OperatorError


class Environment(Enum):
    """Which Stripe the console works against. Exactly one is active at a time."""

    SANDBOX = "sandbox"
    TEST = "test"
    LIVE = "live"

    @property
    def livemode(self) -> bool:
        """Stripe's `livemode` flag, which every object of this environment must carry."""
        return self is Environment.LIVE

    @property
    def word(self) -> str:
        """The word shown wherever this environment can be mistaken for another."""
        return self.value.upper()


SECRET_KEY = r"(?:sk|rk)_(test|live)_[A-Za-z0-9]+"
PUBLISHABLE_KEY = r"pk_(test|live)_[A-Za-z0-9]+"
WEBHOOK_SECRET = r"whsec_[A-Za-z0-9+/=]+"
# Windows refuses longer entries with an obscure error; no Stripe secret comes near.
LONGEST_SECRET = 1200


def check_secret_key(key: str, environment: Environment) -> str:
    """The key without surrounding blanks, if it may be used in `environment`.

    Raises:
        OperatorError: `key.publishable`, `key.malformed` or `key.wrong_environment`. The text never holds the key.
    """
    key = key.strip()
    if re.fullmatch(PUBLISHABLE_KEY, key):
        raise OperatorError(
            "This is a publishable key (pk_…); it can't read or charge anything.",
            fix="Paste the restricted (rk_…) or secret (sk_…) key from Stripe's API keys page.",
            code="key.publishable",
        )
    found = re.fullmatch(SECRET_KEY, key)
    if not found or len(key) > LONGEST_SECRET:
        raise OperatorError(
            "This does not look like a Stripe secret key: it must be sk_test_…, rk_test_…, sk_live_… or rk_live_…, "
            "letters and digits only.",
            fix="Copy the key again from Stripe's API keys page, whole and without blanks.",
            code="key.malformed",
        )
    if (found[1] == "live") != environment.livemode:
        raise OperatorError(
            f"This is a {found[1]} key, but the environment is {environment.word}.",
            fix=f"Switch to {found[1].upper()} first, or paste a {'live' if environment.livemode else 'test'} key.",
            code="key.wrong_environment",
        )
    return key


def check_webhook_secret(secret: str) -> str:
    """The signing secret without surrounding blanks.

    Raises:
        OperatorError: `key.webhook_malformed`. The text never holds the secret.
    """
    secret = secret.strip()
    if not re.fullmatch(WEBHOOK_SECRET, secret) or len(secret) > LONGEST_SECRET:
        raise OperatorError(
            "This does not look like a webhook signing secret: it must start with whsec_.",
            fix="Copy the signing secret from the endpoint's page in Stripe, or from `stripe listen --print-secret`.",
            code="key.webhook_malformed",
        )
    return secret
