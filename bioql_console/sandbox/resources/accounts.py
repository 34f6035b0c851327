"""`/v1/account`: the one account there is."""

from ..errors import Json, missing
from ..registry import Resource, Route
from ..work import Work

ACCOUNT_ID = "acct_sandbox"
ACCOUNT_NAME = "BioQL offline"


def _current(work: Work) -> Json:
    if work.path.get("account", ACCOUNT_ID) != ACCOUNT_ID:
        raise missing("account", work.path["account"], "account", status=404)
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {"name": ACCOUNT_NAME, "mcc": None, "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": int(work.store.setting("created") or 0),
        "default_currency": "usd",
        "details_submitted": True,
        "email": "offline@bioql.invalid",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": ACCOUNT_NAME, "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "BIOQL OFFLINE"},
        },
        "type": "standard",
    }


RESOURCE = Resource(
    "account", routes=(Route("GET", "/v1/account", _current), Route("GET", "/v1/accounts/{account}", _current))
)
