"""What a Checkout Session can be asked for."""

from ..params import (
    CURRENCY,
    EXPAND,
    PAGE,
    Anything,
    Choice,
    Flag,
    Group,
    Integer,
    Many,
    Metadata,
    Number,
    Range,
    Table,
    Text,
)
from .payment_intents import SHIPPING
from .prices import LARGEST_AMOUNT

PRODUCT_DATA = Group(
    of={
        "description": Text(),
        "images": Many(most=8),
        "metadata": Metadata(),
        "name": Text(required=True),
        "tax_code": Text(),
        "unit_label": Text(longest=12),
    }
)
PRICE_DATA = Group(
    of={
        "currency": CURRENCY,
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "tax_behavior": Choice(of=("exclusive", "inclusive", "unspecified")),
        "unit_amount": Integer(least=0, most=LARGEST_AMOUNT),
        "unit_amount_decimal": Number(),
    }
)
LINE = Group(
    of={
        "adjustable_quantity": Anything(),
        "metadata": Metadata(),
        "price": Text(),
        "price_data": PRICE_DATA,
        "quantity": Integer(least=0, most=999_999),
        "tax_rates": Anything(),
    }
)
INTENT_DATA = Group(
    of={
        "capture_method": Choice(of=("automatic", "automatic_async")),
        "description": Text(longest=1_000),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "setup_future_usage": Choice(of=("off_session", "on_session")),
        "shipping": SHIPPING,
        "statement_descriptor": Text(longest=22),
        "statement_descriptor_suffix": Text(longest=22),
    }
)
# Known to Stripe; what they change is not part of the sandbox.
IGNORED = (
    *("adaptive_pricing", "integration_identifier", "origin_context", "payment_method_configuration"),
    *("allow_promotion_codes", "automatic_tax", "billing_address_collection", "branding_settings"),
    *("consent_collection", "custom_fields", "custom_text", "customer_creation", "customer_update", "discounts"),
    *("invoice_creation", "locale", "name_collection", "payment_method_options", "phone_number_collection"),
    *("saved_payment_method_options", "shipping_address_collection", "shipping_options", "submit_type"),
    *("tax_id_collection", "wallet_options"),
)
RECOVERY = Group(of={"allow_promotion_codes": Flag(), "enabled": Flag(required=True)})
CREATE: Table = {
    "after_expiration": Group(of={"recovery": RECOVERY}),
    "allowed_payment_method_types": Many(),
    "cancel_url": Text(),
    "client_reference_id": Text(longest=200),
    "currency": Text(pattern="[A-Za-z]{3}"),
    "customer": Text(),
    "customer_email": Text(longest=800),
    "excluded_payment_method_types": Many(),
    "expires_at": Integer(),
    "line_items": Many(of=LINE, most=100),
    "metadata": Metadata(),
    "mode": Choice(of=("payment",), required=True),
    "payment_intent_data": INTENT_DATA,
    "success_url": Text(),
    "ui_mode": Choice(of=("hosted_page",)),
    **dict.fromkeys(IGNORED, Anything()),
    **EXPAND,
}
LIST: Table = PAGE | {
    "created": Range(),
    "customer": Text(),
    "customer_details": Group(of={"email": Text()}),
    "payment_intent": Text(),
    "status": Choice(of=("complete", "expired", "open")),
}
