"""A gateway before a sandbox, without a network, that writes down every request and what was answered."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from stripe._api_requestor import _APIRequestor

from bioql_console.domain.environment import Environment
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from tests.money.world import InProcess
from tests.sdk_schema import services
from tests.stripe_calls import Call

BASE = "http://127.0.0.1:1"


@dataclass
class Sent:
    """One request as it left, and its answer.

    Args:
        through: The gateway's method that sent it.
        given: Parameters as they were handed to stripe-python.
        text: Query or body, as it went over the wire.
        headers: By name in lower case.
    """

    through: str
    method: str
    path: str
    given: Mapping[str, Any]
    text: str
    headers: Mapping[str, str]
    status: int
    answer: Any

    @property
    def call(self) -> Call:
        """Method and path without ids."""
        return call_of(self.method, self.path)


def call_of(method: str, path: str) -> Call:
    """Which of Stripe's calls a request is."""
    parts = path.split("/")
    for known, shape in services():
        fits = [b if a == "{}" else a == b for a, b in zip(shape.split("/"), parts, strict=False)]
        if known == method and len(fits) == len(parts) == shape.count("/") + 1 and all(fits):
            return known, shape
    raise AssertionError(f"Stripe has no {method} {path}")


class Lab:
    """Calls the gateway's methods, and keeps what each sent.

    Args:
        ended: What broke the walk off.
    """

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(folder / "stripe.db")
        self.gateway = StripeGateway(self.sandbox.secret_key, Environment.SANDBOX, base=BASE)
        self.sent: list[Sent] = []
        self.called: set[str] = set()
        self.ended: Exception | None = None
        self._through = ""
        self._given: Mapping[str, Any] = {}
        door: _Door = self.gateway.v1._requestor._client
        door._client = lambda: self  # type: ignore[method-assign, return-value, assignment]
        door._sleep_time_seconds = lambda *_: 0  # type: ignore[method-assign, assignment]
        self._inner = InProcess(self.sandbox)

    def close(self) -> None:
        self.sandbox.close()

    def call(self, method: str, *args: Any, fails: type[Exception] | None = None, **named: Any) -> Any:
        """What the gateway's method answers; iterators are walked to their end."""
        self._through = method
        self.called.add(method)
        try:
            found = getattr(self.gateway, method)(*args, **named)
            return list(found) if isinstance(found, Iterator) else found
        except Exception as error:
            if fails is None or not isinstance(error, fails):
                raise
            return error
        finally:
            self._through = ""

    def control(self, name: str, **body: object) -> Any:
        asked = Request("POST", f"/_sandbox/{name}", "", {"host": "127.0.0.1"}, json.dumps(body).encode())
        answer = self.sandbox.app._control.answer(asked)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def advance(self, seconds: int) -> None:
        self.control("clock", advance_s=seconds)

    def now_ms(self) -> int:
        return self.sandbox._store.now() * 1000

    # --- what stands in for the network

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        body, status, answered = self._inner.request(method, url, headers, post_data)
        if self._through:
            parts = urlsplit(url)
            given = {name.lower(): value for name, value in (headers or {}).items()}
            text = post_data or parts.query
            self.sent.append(
                Sent(self._through, method.upper(), parts.path, self._given, text, given, status, json.loads(body))
            )
        return body, status, answered

    def note(self, given: Mapping[str, Any] | None) -> None:
        """Remember what stripe-python is given for the request that follows."""
        self._given = dict(given or {})


@contextmanager
def noting(lab: Lab, patch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """While the block lasts, parameters are seen before stripe-python encodes them."""
    inner: Callable[..., Any] = _APIRequestor.request_raw

    def request_raw(self: Any, method: str, url: str, params: Any = None, *args: Any, **named: Any) -> Any:
        lab.note(params)
        return inner(self, method, url, params, *args, **named)

    with patch.context() as patched:
        patched.setattr(_APIRequestor, "request_raw", request_raw)
        yield lab
