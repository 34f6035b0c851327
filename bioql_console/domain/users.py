"""Users of BioQL and their API keys."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field, replace
from enum import Enum

from bioql_console.domain.invoices import Threshold
from bioql_console.domain.ledger import Balance

KEY_PREFIX = "bioql_"
DEV_KEY_PREFIX = "bioql_dev_"
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LONGEST_NAME = 200
# A hint of 14 characters must leave enough unsaid; keys that were brought in may be short.
SHORTEST_HINTED = 22
LONGEST_EMAIL = 254


class Plan(Enum):
    """What a user subscribed to; sets monthly shots and the hardware that may be used."""

    FREE = "free"
    BASIC = "basic"
    PRO = "pro"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A user's key as we keep it: a hash to find it by, and enough of it to recognise it on screen."""

    sha256: str
    hint: str

    @classmethod
    def of(cls, key: str) -> "ApiKey":
        shown = f"{key[:10]}…{key[-4:]}" if len(key) >= SHORTEST_HINTED else "…"
        return cls(hash_key(key), shown)


@dataclass(frozen=True, slots=True)
class RefusedKey:
    """A key that was used and that no user has, told by its hint."""

    hint: str
    count: int
    first_ms: int
    last_ms: int


def new_api_key() -> str:
    """A key of 256 random bits. Shown once, kept only as a hash."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    # The keys are long and random, so a plain hash can't be reversed by guessing.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class User:
    """One customer, with what is owed.

    Args:
        version: Grows with each edit of plan, key or state; an edit names the version it saw.
        threshold_by: Who makes the invoice at the threshold; None without a subscription.
    """

    id: int
    name: str
    email: str
    plan: Plan
    key_hint: str
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    disabled: bool
    created_ms: int
    last_used_ms: int | None
    version: int
    threshold_by: Threshold | None = None
    balance: Balance = field(default_factory=Balance)

    @property
    def threshold_by_stripe(self) -> bool:
        """Whether the user's own subscription makes an invoice at the threshold."""
        return bool(self.stripe_subscription_id) and self.threshold_by is not Threshold.CONSOLE

    def with_balance(self, balance: Balance) -> "User":
        return replace(self, balance=balance)


@dataclass(frozen=True, slots=True)
class NewUser:
    """What registration stores in one transaction."""

    name: str
    email: str
    key: ApiKey
    created_ms: int
    plan: Plan = Plan.FREE
    stripe_customer_id: str | None = None
    stripe_subscription_id: str | None = None
    threshold_by: Threshold | None = None


def storable(text: str) -> bool:
    """Whether a database takes the text: no null byte, no half of a surrogate pair (JSON lets both through)."""
    return UNSTORABLE.search(text) is None


def clean_name(name: object) -> str:
    """The trimmed name.

    Raises:
        ValueError: empty, too long or not text.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not storable(name):
        raise ValueError(f"name must be 1–{LONGEST_NAME} characters of text")
    return name.strip()


def clean_email(email: object) -> str:
    """The trimmed, lower-case address; addresses that differ only in case are one user.

    Raises:
        ValueError: not an e-mail address.
    """
    if not isinstance(email, str) or len(email) > LONGEST_EMAIL or not storable(email):
        raise ValueError("email must be an e-mail address")
    email = email.strip().lower()
    if not EMAIL.fullmatch(email):
        raise ValueError("email must be an e-mail address")
    return email
