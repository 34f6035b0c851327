"""Which Stripe the core talks to right now; credentials may arrive, change or be missing while it runs."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway
    from bioql_console.services.stripe_transport import WriteGuard


class StripeAccess:
    """Holds the gateway for the active environment, made when it is first needed.

    Args:
        secret_key: Reads the key from where it is kept; None when there is none. May raise OperatorError.
        base: Address of the sandbox; None for Stripe itself.
        guard: Decides which requests may leave; by default nothing but GET leaves in Live.
        check: Asked once for each gateway, before anybody else may use it: is it the ledger's account's?
        before_write: Asked before anything but GET leaves; raises OperatorError to keep it here.
    """

    def __init__(
        self,
        environment: Environment,
        secret_key: Callable[[], str | None],
        base: str | None,
        check: "Callable[[StripeGateway, str], None] | None" = None,
        guard: "WriteGuard | None" = None,
        *,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.environment = environment
        self.base = base
        self._secret_key = secret_key
        self._lock = threading.Lock()
        self._check = check
        self._before_write = before_write
        self._checking = threading.Lock()
        self._guard = guard
        self._gateway: StripeGateway | None = None
        self._key = ""
        self._checked: StripeGateway | None = None

    @property
    def enabled(self) -> bool:
        """Whether there is a key; what the start-up report calls "Stripe Integration: Enabled"."""
        return self._secret_key() is not None

    def gateway(self) -> "StripeGateway":
        """The gateway.

        Raises:
            OperatorError: `stripe.disabled` when there is no key; whatever the keychain and `check` raise.
        """
        gateway, key = self._made()
        if self._check is not None and self._checked is not gateway:
            # Beside the lock: whoever drops the client must not wait for the network.
            with self._checking:
                if self._checked is not gateway:
                    self._check(gateway, key)
                    self._checked = gateway
        return gateway

    def require(self, check: "Callable[[StripeGateway, str], None]") -> None:
        """Ask `check` before the first use of a gateway from now on."""
        self._check = check

    def _made(self) -> "tuple[StripeGateway, str]":
        """The gateway and its key."""
        with self._lock:
            if self._gateway is None:
                key = self._secret_key()
                if key is None:
                    raise OperatorError(
                        f"Stripe is off: there is no {self.environment.word} secret key.",
                        fix="Enter the key in Settings › Credentials.",
                        code="stripe.disabled",
                    )
                # Importing Stripe's SDK takes a quarter of a second; the first call pays, not the start.
                from bioql_console.services.stripe_gateway import StripeGateway
                from bioql_console.services.stripe_transport import LockedInLive, WhileSound

                guard = WhileSound(self._guard or LockedInLive(self.environment), self._before_write)
                self._gateway, self._key = StripeGateway(key, self.environment, base=self.base, guard=guard), key
            return self._gateway, self._key

    def forget(self) -> None:
        """Drop the client, e.g. because the key was replaced."""
        with self._lock:
            self._gateway, self._key = None, ""

    def close(self) -> None:
        """Ask Stripe nothing more; what waits for an answer is given up when that takes too long."""
        with self._lock:
            gateway = self._gateway
        if gateway is not None:
            gateway.close()
