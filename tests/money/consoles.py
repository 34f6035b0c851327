"""Another process on the same ledger and the same Stripe account, whose answers may be lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import stripe

from bioql_console.domain.environment import Environment
from bioql_console.services.changes import Changes
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import Limits
from bioql_console.storage.database import Database
from tests.money.world import InProcess, World


def lose_answer() -> None:
    raise stripe.APIConnectionError("connection reset by peer")


@dataclass
class Way:
    """A console's way to the sandbox. Something may happen before a page's making is asked for, or after the answer."""

    through: InProcess
    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        makes = method.upper() == "POST" and url.endswith("/v1/checkout/sessions")
        if makes and self.before:
            happens, self.before = self.before, None
            happens()
        answer = self.through.request(method, url, headers, post_data)
        if makes and self.after:
            happens, self.after = self.after, None
            happens()
        return answer


class Console:
    """Another process on the same ledger and the same Stripe account."""

    def __init__(self, world: World) -> None:
        self.database = Database(world.database.url.render_as_string(hide_password=False), world.now_ms)
        self.way = Way(InProcess(world.sandbox))
        self.stripe = StripeAccess(Environment.SANDBOX, lambda: world.sandbox.secret_key, "http://127.0.0.1:1")
        limits = Limits(network_retries=0, rate_limit_retries=0)
        gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1", limits=limits)
        door: Any = gateway.v1._requestor._client
        door._client = lambda: self.way
        self.stripe._gateway = gateway
        self.links = CheckoutLinks(self.database, self.stripe, Changes(), world.now_ms, Environment.SANDBOX)
