"""Stripe, in our words. It can't tell the sandbox from Stripe, nor can its callers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import stripe

from bioql_console.domain.environment import Environment, check_secret_key
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Outgoing
from bioql_console.services import stripe_types
from bioql_console.services.stripe_bulk import BulkCalls
from bioql_console.services.stripe_checkout import CheckoutCalls
from bioql_console.services.stripe_customers import CustomerCalls
from bioql_console.services.stripe_errors import Failure, not_understood, wrong_mode
from bioql_console.services.stripe_invoices import InvoiceCalls
from bioql_console.services.stripe_meter_repair import MeterRepairCalls
from bioql_console.services.stripe_refunds import RefundCalls
from bioql_console.services.stripe_thin_events import ThinEventCalls
from bioql_console.services.stripe_transport import (
    Answer,
    Limits,
    LockedInLive,
    StripeActivity,
    StripeTraffic,
    WriteGuard,
)
from bioql_console.services.stripe_types import Content, StripeAccount

R = TypeVar("R")

stripe.enable_telemetry = False
# Its debug lines quote whole requests.
logging.getLogger("stripe").setLevel(logging.CRITICAL)


class _Door(stripe.HTTPClient):
    """Lets stripe-python send through `StripeTraffic` only; a session per thread, since sessions can't be shared."""

    name = "requests"

    def __init__(self, traffic: StripeTraffic, limits: Limits, *, trust_env: bool) -> None:
        super().__init__()
        self._traffic = traffic
        self._timeout = (limits.connect_s, limits.read_s)
        self._trust_env = trust_env
        self._threads = threading.local()

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_usage: Any
    ) -> Answer:
        named = {name.lower(): value for name, value in (headers or {}).items()}
        body = post_data if isinstance(post_data, str) else ""
        outgoing = Outgoing(method.upper(), urlsplit(url).path, named.get("idempotency-key", ""), body)
        return self._traffic.send(outgoing, lambda: self._client().request(method, url, headers, post_data))

    def _client(self) -> stripe.RequestsClient:
        client: stripe.RequestsClient | None = getattr(self._threads, "client", None)
        if client is None:
            session = stripe.RequestsClient().requests.Session()
            session.trust_env = self._trust_env
            # Otherwise an entry in ~/.netrc would replace our key.
            session.auth = lambda prepared: prepared
            session.max_redirects = 0
            client = self._threads.client = stripe.RequestsClient(timeout=self._timeout, session=session)
        return client

    def close(self) -> None:
        self._traffic.close()


class StripeGateway(
    CustomerCalls, CheckoutCalls, MeterRepairCalls, InvoiceCalls, RefundCalls, ThinEventCalls, BulkCalls
):
    """Blocking calls, safe from several threads. All raise OperatorError `stripe.*` or `live.*`.

    Args:
        base: Address of the sandbox; None for Stripe.
        guard: Decides which requests may leave; by default nothing but GET leaves in Live.

    Raises:
        OperatorError: `key.*` when the key doesn't belong to the environment.
    """

    def __init__(
        self,
        secret_key: str,
        environment: Environment,
        base: str | None = None,
        *,
        guard: WriteGuard | None = None,
        limits: Limits | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        if environment is Environment.SANDBOX and not base:
            raise ValueError("the sandbox has an address of its own")
        limits = limits or Limits()
        self._environment = environment
        self._traffic = StripeTraffic(guard or LockedInLive(environment), limits, now_ms)
        # A base address that is left out would still leave for stripe.com.
        bases: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), base) if base else None
        self._client = stripe.StripeClient(
            check_secret_key(secret_key, environment),
            base_addresses=bases,
            max_network_retries=limits.network_retries,
            # The machine's proxy is for the way out; the sandbox is on this machine.
            http_client=_Door(self._traffic, limits, trust_env=base is None),
        )
        self.v1, self.v2 = self._client.v1, self._client.v2

    @property
    def activity(self) -> StripeActivity:
        """When Stripe last answered well, and how fast."""
        return self._traffic.activity

    def close(self) -> None:
        """End pauses that Stripe asked for; what is in hand fails at once instead of waiting."""
        self._traffic.close()

    def account(self) -> StripeAccount:
        """Whose key this is."""
        return self.read(stripe_types.account, self.ask(self.v1.accounts.retrieve_current))

    def may(self, method: str, path: str, params: Content | None = None) -> bool:
        """Whether the key has the permission for a request, which is made so that it can't do anything.

        Raises:
            OperatorError: `stripe.*` or `live.locked` when that is not known: nothing was answered, or not by Stripe.
        """
        try:
            _called(lambda: self._client.raw_request(method, path, **(params or {})))
        except OperatorError as error:
            if error.code not in ("stripe.permission", "stripe.not_found", "stripe.refused"):
                raise
            return error.code != "stripe.permission"
        return True

    def ask(self, call: Callable[..., Any], *args: object) -> Content:
        return self._content(_called(lambda: call(*args)))

    def ask_all(self, call: Callable[..., Any], *args: object) -> Iterator[Content]:
        listing = _called(lambda: call(*args))
        if not _is_list(listing):
            raise not_understood()
        objects = listing.auto_paging_iter()
        while (found := _called(lambda: next(objects, None))) is not None:
            yield self._content(found)

    def ask_pages(self, path: str, params: Content) -> Iterator[list[Content]]:
        more = dict(params)
        while True:
            page = _called(lambda: self._client.raw_request("get", path, **more)).data
            if not isinstance(page, dict) or not isinstance(page.get("data"), list) or "has_more" not in page:
                raise not_understood()
            found = [self._ours(one) for one in page["data"] if isinstance(one, dict)]
            yield found
            if not page["has_more"] or not found:
                return
            more["starting_after"] = self.id(found[-1])

    def _content(self, found: object) -> Content:
        """Its content, if it belongs to this environment."""
        if not isinstance(found, stripe.StripeObject):
            raise not_understood()
        return self._ours(found.to_dict(for_json=True))

    def _ours(self, content: Content) -> Content:
        livemode = content.get("livemode")
        if isinstance(livemode, bool) and livemode != self._environment.livemode:
            raise wrong_mode(livemode, self._environment.word)
        return content


def _is_list(found: Any) -> bool:
    """A list of the v1 or of the v2 API."""
    if isinstance(found, stripe.v2.ListObject):
        return "data" in found and "next_page_url" in found
    return isinstance(found, stripe.ListObject) and "data" in found and "has_more" in found


def _called(call: Callable[[], R]) -> R:
    """The call's answer, or its failure in our words."""
    try:
        return call()
    except stripe.StripeError as error:
        failure = _failure(error)
    # Raised out here, the exception does not carry stripe-python's along, whose text may quote what was sent.
    raise failure.exception()


def _failure(error: stripe.StripeError) -> Failure:
    status = None if isinstance(error, stripe.APIConnectionError) else error.http_status or 500
    said = error.error
    return Failure(
        status,
        kind=str(getattr(said, "type", None) or ""),
        code=str(error.code or getattr(said, "code", None) or ""),
        message=str(error.user_message or ""),
        cause=type(error.__cause__).__name__ if error.__cause__ else "",
        request_id=str(error.request_id or ""),
        repeated=any(name.lower() == "idempotent-replayed" for name in error.headers or ()),
    )
