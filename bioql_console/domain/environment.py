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
# How the Sandbox's own secret key goes on after "sk_".
SANDBOX_KEY = "_test_sandbox"
_ABBREVIATED = re.compile(r"…|\.\.\.|\*{3}|•")


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
            _why_no_key(key),
            fix="Copy the key again from Stripe's API keys page, whole and without blanks.",
            code="key.malformed",
        )
    if environment is not Environment.SANDBOX and SANDBOX_KEY in key:
        raise OperatorError(
            "This is the Sandbox's own key; Stripe does not know it.",
            fix=f"Paste a {environment.word} key from Stripe's API keys page.",
            code="key.wrong_environment",
        )
    if (found[1] == "live") != environment.livemode:
        raise OperatorError(
            f"This is a {found[1]} key, but the environment is {environment.word}.",
            fix=f"Switch to {found[1].upper()} first, or paste a {'live' if environment.livemode else 'test'} key.",
            code="key.wrong_environment",
        )
    return key


def is_restricted(key: str) -> bool:
    """Whether the key may do only what it was given permission for."""
    return key.startswith("rk_")


def _why_no_key(key: str) -> str:
    """What is wrong with it, in one sentence that does not quote it."""
    if not key:
        return "Nothing was entered."
    if key.startswith("whsec_"):
        return "This is a webhook signing secret (whsec_…); it belongs in the field below."
    if key[0] in "\"'`" or key[-1] in "\"'`":
        return "There are quotes around the key; paste it without them."
    if "=" in key:
        return "This is a whole line of settings; paste only what stands behind the equals sign."
    if _ABBREVIATED.search(key):
        return "This is a key in short, as Stripe shows it in lists; it can't be used."
    if re.fullmatch(r"(?:sk|rk)_(?:test|live)_?", key):
        return "The key is cut off: nothing follows its beginning."
    if re.search(r"\s", key):
        return "There is a blank or a line break inside the key."
    return (
        "This does not look like a Stripe secret key: it must be sk_test_…, rk_test_…, sk_live_… or rk_live_…, "
        "letters and digits only."
    )


def check_webhook_secret(secret: str) -> str:
    """The signing secret without surrounding blanks.

    Raises:
        OperatorError: `key.webhook_malformed`. The text never holds the secret.
    """
    secret = secret.strip()
    if not re.fullmatch(WEBHOOK_SECRET, secret) or len(secret) > LONGEST_SECRET:
        raise OperatorError(
            _why_no_webhook_secret(secret),
            fix="Copy the signing secret from the endpoint's page in Stripe, or from `stripe listen --print-secret`.",
            code="key.webhook_malformed",
        )
    return secret


def _why_no_webhook_secret(secret: str) -> str:
    """What is wrong with it, in one sentence that does not quote it."""
    if re.match(r"(?:sk|rk|pk)_(?:test|live)", secret):
        return "This is an API key, not a webhook signing secret; it belongs in the field above."
    if secret.startswith("we_"):
        return "This is the endpoint's id (we_…), not its signing secret (whsec_…)."
    if _ABBREVIATED.search(secret) or secret == "whsec_":
        return "The signing secret is cut off or shortened."
    if re.search(r"\s", secret):
        return "There is a blank or a line break inside the signing secret."
    return "This does not look like a webhook signing secret: it must start with whsec_."
