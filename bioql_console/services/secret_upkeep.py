"""Removes replaced secrets when their time is over, also those that an earlier run left."""

import threading
from collections.abc import Callable
from contextlib import suppress

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.changes import Change, Changes
from bioql_console.services.credentials import Credentials
from bioql_console.services.ports import Store

LOOK_EVERY_S = 15.0


class SecretUpkeep:
    """Looks four times a minute. What is over is not accepted in the meantime either.

    Args:
        on_change: Called when another console changed a secret in the keychain; None when nobody else can.
    """

    def __init__(
        self,
        credentials: Credentials,
        environment: Environment,
        store: Store,
        changes: Changes,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._credentials, self._environment = credentials, environment
        self._store, self._changes, self._on_change = store, changes, on_change
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="secret-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def look(self) -> None:
        """Remove what is over, and follow what another console changed.

        Raises:
            OperatorError: `keychain.*`, `db.*`; what is over is removed the next time.
        """
        if self._on_change is not None and self._credentials.reread(self._environment):
            self._on_change()
        removed = self._credentials.remove_overdue(self._environment)
        if not removed:
            return
        with self._store.write() as work:
            for secret in removed:
                action = f"removed a replaced {self._environment.word} secret"
                work.activity.record("system", action, "credentials", before=str(secret), reason="its time was over")
            work.commit()
        self._changes.publish(Change("credentials"))

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(OperatorError):
                self.look()
            self._stop.wait(LOOK_EVERY_S)
