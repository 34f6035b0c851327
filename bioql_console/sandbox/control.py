"""`/_sandbox/…`: the hands that move the clock and make trouble. No key is asked; only this machine may."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from .delivery_queue import DeliveryQueue
from .errors import Json, StripeError
from .faults import Faults
from .jobs import Jobs
from .keys import Keys
from .messages import Answer, Request, json_answer
from .store import Store
from .work import Work

LONGEST_ADVANCE_S = 10 * 366 * 86_400
SHOWN_DELIVERIES = 500


class Control:
    """Answers requests under `/_sandbox/`; see `routes`."""

    def __init__(
        self,
        store: Store,
        queue: DeliveryQueue,
        jobs: Jobs,
        faults: Faults,
        keys: Keys,
        new_work: Callable[[], Work],
        trouble: Mapping[str, Callable[[Work, Json], Json]],
    ) -> None:
        self._store, self._queue, self._jobs, self._faults = store, queue, jobs, faults
        self._new_work, self._trouble = new_work, trouble
        self.routes: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "clock"): lambda asked: self._clock(),
            ("POST", "clock"): self._advance,
            ("GET", "delivery"): lambda asked: self._delivery_options(),
            ("POST", "delivery"): self._set_delivery,
            ("GET", "faults"): lambda asked: self._waiting_faults(),
            ("POST", "faults"): self._add_fault,
            ("GET", "deliveries"): self._deliveries,
            ("POST", "keys"): keys.make,
            ("POST", "keys/change"): keys.change,
        }

    def answer(self, request: Request) -> Answer:
        name = request.path.removeprefix("/_sandbox/").strip("/")
        try:
            asked = _json_object(request) if request.method == "POST" else _query(request)
            if request.method == "POST" and name in self._trouble:
                self._jobs.run_due()
                with self._store.transaction():
                    return json_answer(200, self._trouble[name](self._new_work(), asked))
            route = self.routes.get((request.method, name))
            if route is None:
                raise StripeError(f"No such control: {request.method} {name}", status=404)
            return json_answer(200, route(asked))
        except (ValueError, TypeError) as error:
            return json_answer(400, {"error": {"type": "invalid_request_error", "message": str(error)}})
        except StripeError as error:
            return json_answer(error.status, {"error": error.body})

    def _clock(self) -> Json:
        return {"now": self._store.now()}

    def _advance(self, asked: Json) -> Json:
        seconds = _number(asked, "advance_s", 0)
        if not 0 <= seconds <= LONGEST_ADVANCE_S:
            raise ValueError("advance_s must be 0 or more: the clock only goes forward")
        self._jobs.advance(int(seconds))
        self._queue.hurry()
        return self._clock()

    def _delivery_options(self) -> Json:
        return dict(vars(self._queue.options))

    def _set_delivery(self, asked: Json) -> Json:
        options = self._queue.options
        if unknown := sorted(set(asked) - set(vars(options))):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        for name in ("paused", "shuffle"):
            if not isinstance(asked.get(name, False), bool):
                raise ValueError(f"{name} must be true or false")
        duplicate = _number(asked, "duplicate", options.duplicate)
        delay_s = _number(asked, "delay_s", options.delay_s)
        if not (0 <= duplicate <= 100 and 0 <= delay_s <= 86_400):
            raise ValueError("duplicate must be 0 to 100, delay_s 0 to 86400")
        options.paused = asked.get("paused", options.paused)
        options.shuffle = asked.get("shuffle", options.shuffle)
        options.duplicate, options.delay_s = int(duplicate), float(delay_s)
        return self._delivery_options()

    def _waiting_faults(self) -> Json:
        shown = [
            {"status": fault.status, "path": fault.path.pattern, "count": fault.left, "share": fault.share}
            for fault in self._faults.waiting
        ]
        return {"faults": shown}

    def _add_fault(self, asked: Json) -> Json:
        share = None if asked.get("share") is None else _number(asked, "share", 1)
        count, seed = int(_number(asked, "count", 1)), int(_number(asked, "seed", 0))
        path, method, kept = str(asked.get("path", ".*")), asked.get("method"), asked.get("kept") is True
        self._faults.add(asked.get("status"), path, count, share, seed, kept=kept, method=method)
        return self._waiting_faults()

    def _deliveries(self, asked: Json) -> Json:
        found = self._queue.listed(SHOWN_DELIVERIES + 1, asked.get("event"), asked.get("state"))
        return {"data": found[:SHOWN_DELIVERIES], "has_more": len(found) > SHOWN_DELIVERIES}


def _json_object(request: Request) -> Json:
    """What is asked. A body may be left out."""
    try:
        asked: Any = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ValueError("the body must be a JSON object") from error
    if not isinstance(asked, dict):
        raise ValueError("the body must be a JSON object")
    return asked


def _query(request: Request) -> Json:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _number(asked: Json, name: str, default: float) -> float:
    value = asked.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    return value
