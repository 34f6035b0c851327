"""What the webhook listener has heard, and proof that it hears."""

import json
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.services.authorities import authorities
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_intake import HEARTBEAT_TYPE

MOST_REJECTIONS = 200


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that was refused; nothing of it is stored."""

    at_ms: int
    status: int
    reason: str
    remote: str


class ListenerStatus:
    """On or off, and the last signs of life. Read and written from any thread."""

    def __init__(self, changes: Changes | None = None) -> None:
        self._lock = threading.Lock()
        self._changes = changes
        self._on = False
        self._address = ""
        self._last_event_ms: int | None = None
        self._last_heartbeat_ms: int | None = None
        self._accepted = 0
        self._signed_ms: dict[str, int] = {}
        self._clock_off_s: int | None = None
        self._rejections: deque[Rejection] = deque(maxlen=MOST_REJECTIONS)

    @property
    def on(self) -> bool:
        return self._on

    @property
    def address(self) -> str:
        return self._address

    @property
    def accepted(self) -> int:
        """Events acknowledged since the start."""
        return self._accepted

    @property
    def last_event_ms(self) -> int | None:
        return self._last_event_ms

    @property
    def last_heard_ms(self) -> int | None:
        """The last event or heartbeat."""
        heard = [at for at in (self._last_event_ms, self._last_heartbeat_ms) if at is not None]
        return max(heard, default=None)

    def signed_ms(self, secret_fingerprint: str) -> int | None:
        """When something last came that was signed with this secret, since the start."""
        return self._signed_ms.get(secret_fingerprint)

    def signed_with(self, secret_fingerprint: str, at_ms: int) -> None:
        self._signed_ms[secret_fingerprint] = at_ms

    @property
    def clock_off_s(self) -> int | None:
        """How far this computer's clock is ahead of Stripe's, by the last event; None when that was in time."""
        return self._clock_off_s

    def refused_for_its_time(self, clock_off_s: int) -> None:
        """An event was signed rightly and refused for its time alone."""
        self._clock_off_s = clock_off_s

    def rejections(self) -> list[Rejection]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._rejections))

    def turn_on(self, address: str) -> None:
        self._on, self._address = True, address
        self._tell()

    def turn_off(self) -> None:
        self._on = False
        self._tell()

    def heard_event(self, at_ms: int) -> None:
        self._last_event_ms = at_ms
        self._accepted += 1
        self._clock_off_s = None

    def heard_heartbeat(self, at_ms: int) -> None:
        self._last_heartbeat_ms = at_ms
        self._tell()

    def rejected(self, rejection: Rejection) -> None:
        with self._lock:
            self._rejections.append(rejection)
        self._tell()

    def _tell(self) -> None:
        if self._changes is not None:
            self._changes.publish(Change("listener"))


class Heartbeat:
    """Sends a signed event through the real endpoint, so that "listening" is known and not assumed."""

    def __init__(self, secrets: Callable[[], Sequence[str]], now_ms: Callable[[], int]) -> None:
        self._secrets = secrets
        self._now_ms = now_ms

    def beat(self, url: str, livemode: bool) -> None:
        """Send one.

        Raises:
            OperatorError: `webhooks.no_secret`, `webhooks.deaf`.
        """
        import httpx

        from bioql_console.services.signature import sign

        secrets = self._secrets()
        if not secrets:
            raise OperatorError(
                "There is no webhook signing secret: payments would not be noticed.",
                fix="Enter it in Settings › Credentials.",
                code="webhooks.no_secret",
            )
        now_ms = self._now_ms()
        event = {
            "id": f"evt_heartbeat_{uuid.uuid4().hex}",
            "object": "event",
            "type": HEARTBEAT_TYPE,
            "created": now_ms // 1000,
            "livemode": livemode,
            "data": {"object": {}},
        }
        body = json.dumps(event).encode()
        headers = {"Stripe-Signature": sign(body, secrets[0], now_ms), "Content-Type": "application/json"}
        try:
            with httpx.Client(timeout=5, trust_env=False, verify=authorities()) as client:
                answer = client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise _deaf(url, "it does not answer") from error
        if answer.status_code != 200:
            raise _deaf(url, f"it answers {answer.status_code}")


def _deaf(url: str, how: str) -> OperatorError:
    return OperatorError(
        f"The listener at {url} does not hear: {how}.",
        fix="Switch the listener off and on again on the Webhooks page.",
        code="webhooks.deaf",
    )
