"""What the server is made of; handed in by the composition root."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bioql_console.domain.environment import Environment
from bioql_console.server.limits import Limits
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.plan_check import PlanCheck
from bioql_console.services.ports import Store
from bioql_console.services.registration import Registration
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.support import Support
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.services.user_admin import UserAdmin

API_THREADS = 8
STRIPE_THREADS = 8


@dataclass(frozen=True, slots=True)
class ServerParts:
    """Services and settings of one server.

    Args:
        monotonic_ms: A clock that is never set back, for limits.
        base_url: Where customers reach it; Checkout leads back to its dashboard.
        allowed_origins: Web origins whose pages may call the API.
        trusted_proxies: Whose `X-Forwarded-For` is believed.
        pool: For what asks the database.
        stripe_pool: For what asks Stripe, so that a Stripe that hangs holds up nobody who only asks us.
        dev_keys_allowed: Whether `bioql_dev_…` keys get their documented answers; never with a live key.
    """

    store: Store
    environment: Environment
    stripe: StripeAccess
    registration: Registration
    user_admin: UserAdmin
    usage_recording: UsageRecording
    plan_check: PlanCheck
    checkout_links: CheckoutLinks
    support: Support
    inbox_writer: InboxWriter
    webhook_secrets: Callable[[], Sequence[str]]
    listener: ListenerStatus
    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]
    base_url: str
    allowed_origins: tuple[str, ...]
    dev_keys_allowed: bool
    invoice_threshold_cents: int
    payment_terms_days: int
    limits: Limits
    trusted_proxies: tuple[str, ...]
    allowed_hosts: frozenset[str] = frozenset()
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(API_THREADS, "api"))
    stripe_pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(STRIPE_THREADS, "api-stripe"))
