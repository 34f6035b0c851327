"""What repairs are made with."""

from collections.abc import Callable
from dataclasses import dataclass

from bioql_console.services.event_applier import EventApplier
from bioql_console.services.ports import Store
from bioql_console.services.refunds import Refunds
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.user_admin import UserAdmin


@dataclass(frozen=True, slots=True)
class Tools:
    """Services that repairs work through, and their clock."""

    store: Store
    stripe: StripeAccess
    applier: EventApplier
    users: UserAdmin
    refunds: Refunds
    now_ms: Callable[[], int]
