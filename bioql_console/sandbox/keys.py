"""API keys besides the sandbox's own: restricted ones, those of another account, and those that expired."""

import hmac
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from .errors import Json, StripeError
from .ids import random_text
from .store import Store

SETTING = "keys"
LEVELS = ("read", "write")

# Which permission a path needs, as Stripe's refusals name it after "rak_". The first match counts.
PERMISSIONS = tuple(
    (re.compile(pattern), slug)
    for pattern, slug in (
        (r"/v1/accounts?(/|$)", "accounts_kyc_basic"),
        (r"/v1/customers/[^/]+/payment_methods", "payment_method"),
        (r"/v1/customers", "customer"),
        (r"/v1/(charges|refunds)", "charge"),
        (r"/v1/checkout/sessions", "checkout_session"),
        (r"/v1/credit_notes", "credit_note"),
        (r"/v1/disputes", "dispute"),
        (r"/v1/events", "event"),
        (r"/v1/invoice", "invoice"),
        (r"/v1/billing/meter_event_adjustments", "billing_meter_event_adjustment"),
        (r"/v1/billing/meter_events", "billing_meter_event"),
        (r"/v1/billing/meters", "billing_meter"),
        (r"/v1/payment_intents", "payment_intent"),
        (r"/v1/payment_methods", "payment_method"),
        (r"/v1/prices", "plan"),
        (r"/v1/products", "product"),
        (r"/v1/subscription", "subscription"),
        (r"/v1/webhook_endpoints", "webhook"),
        (r"/v1/payouts", "payout"),
        (r"/v1/transfers", "transfer"),
        (r"/v1/balance", "balance"),
    )
)


@dataclass(frozen=True)
class Key:
    """A key that the sandbox knows.

    Args:
        permissions: "read" or "write" by permission; None when the key may do everything.
        account: Whose it is; None for the sandbox's own account.
        expired: It was rolled or deleted.
    """

    secret: str
    permissions: dict[str, str] | None = None
    account: str | None = None
    account_name: str = ""
    expired: bool = False


class Keys:
    """The sandbox's secret key, and those made on request; kept in its file."""

    def __init__(self, store: Store, secret_key: str, account_id: str) -> None:
        self._store, self._own, self._account_id = store, Key(secret_key), account_id

    def make(self, asked: Json) -> Json:
        """`POST /_sandbox/keys`: a key with these permissions; with none given, one that may do everything."""
        permissions = asked.get("permissions")
        if permissions is not None and not (
            isinstance(permissions, dict) and all(level in LEVELS for level in permissions.values())
        ):
            raise ValueError('permissions must be like {"customer": "read", "charge": "write"}')
        mode = "live" if asked.get("live") is True else "test"
        key = Key(
            str(asked.get("key") or f"{'sk' if permissions is None else 'rk'}_{mode}_{random_text(14)}"),
            permissions,
            str(asked["account"]) if asked.get("account") else None,
            str(asked.get("account_name") or ""),
        )
        self._save([*self._made(), key])
        return {"key": key.secret, "account": key.account or self._account_id}

    def change(self, asked: Json) -> Json:
        """`POST /_sandbox/keys/change`: let a key expire, or give it other permissions."""
        made = self._made()
        if asked.get("key") not in [key.secret for key in made]:
            raise ValueError("no such key was made here")
        changes: dict[str, Any] = {name: asked[name] for name in ("expired", "permissions") if name in asked}
        self._save([replace(key, **changes) if key.secret == asked["key"] else key for key in made])
        return {"key": asked["key"]}

    def authenticate(self, given: str) -> Key:
        """The key that was sent; a refusal when there is no such one, or it expired."""
        # Compared first, so that nothing is read from the file for the usual key.
        if hmac.compare_digest(given.encode(), self._own.secret.encode()):
            return self._own
        for key in self._made():
            if hmac.compare_digest(given.encode(), key.secret.encode()):
                if key.expired:
                    message = f"Expired API Key provided: {masked(given)}"
                    raise StripeError(message, status=401, code="api_key_expired")
                return key
        if given.startswith("pk_"):
            message = "This API call cannot be made with a publishable API key; use a secret one."
            raise StripeError(message, status=401, code="secret_key_required")
        raise StripeError(f"Invalid API Key provided: {masked(given)}", status=401)

    def require_permission(self, key: Key, method: str, path: str) -> None:
        """Refuse what a restricted key was not given."""
        if key.permissions is None:
            return
        slug = next((slug for pattern, slug in PERMISSIONS if pattern.match(path)), "unknown")
        needed = "read" if method == "GET" else "write"
        if key.permissions.get(slug) in ("write", needed):
            return
        account = key.account or self._account_id
        raise StripeError(
            f"The provided key '{masked(key.secret)}' does not have the required permissions for this endpoint on "
            f"account '{account}'. Having the 'rak_{slug}_{needed}' permission would allow this request to continue.",
            status=403,
        )

    def _made(self) -> list[Key]:
        return [Key(**one) for one in json.loads(self._store.setting(SETTING) or "[]")]

    def _save(self, keys: list[Key]) -> None:
        self._store.set_setting(SETTING, json.dumps([asdict(key) for key in keys]))


def answer_of_another_account(key: Key, method: str, path: str) -> Json:
    """What an account without anything in it answers: itself, empty lists, and that nothing else is there."""
    if path == "/v1/account":
        name = key.account_name or key.account
        return {
            "id": key.account,
            "object": "account",
            "settings": {"dashboard": {"display_name": name, "timezone": "Etc/UTC"}},
            "type": "standard",
        }
    if method == "GET" and re.fullmatch(r"/v1/(billing/|checkout/)?[a-z_]+", path):
        return {"object": "list", "data": [], "has_more": False, "url": path}
    raise StripeError("No such object in this account.", status=404, code="resource_missing")


def masked(key: str) -> str:
    """A key as Stripe shows one in errors: beginning and end, so that it can be recognised but not used."""
    prefix = re.match(r"(sk|rk|pk)_(test|live)_", key)
    shown = prefix[0] if prefix else key[:2]
    tail = key[-4:] if len(key) >= len(shown) + 8 else ""
    return shown + "*" * max(8, len(key) - len(shown) - len(tail)) + tail
