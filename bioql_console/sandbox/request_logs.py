"""`stripe logs tail`: what was asked of the API and how it was answered."""

import json
import time
from dataclasses import dataclass

from .ids import new_id
from .messages import Answer, Request


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request with its answer."""

    request: Request
    answer: Answer

    def message(self) -> str:
        """As the command line takes it; of a refusal also why."""
        failed = self.answer.status >= 400
        log = {
            "created_at": int(time.time()),
            "error": json.loads(self.answer.body).get("error", {}) if failed else {},
            "livemode": False,
            "method": self.request.method,
            "request_id": self.answer.headers.get("Request-Id", ""),
            "status": self.answer.status,
            "url": self.request.path,
        }
        return json.dumps(
            {"type": "request_log_event", "event_payload": json.dumps(log), "request_log_id": new_id("resp_")}
        )
