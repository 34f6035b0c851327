"""Control of the offline Stripe, for trying out what rarely happens."""

from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.services.authorities import authorities


class SandboxControl:
    """The sandbox's own routes under `/_sandbox/`.

    Args:
        base: Address of the sandbox, e.g. "http://127.0.0.1:40123".
    """

    def __init__(self, base: str) -> None:
        self.base = base

    def advance_clock(self, seconds: int) -> dict[str, Any]:
        """Move the sandbox's clock forward: links expire, bank debits settle."""
        return self._call("POST", "clock", {"advance_s": seconds})

    def delivery(self, **options: object) -> dict[str, Any]:
        """How events are delivered: paused, duplicate, shuffle, delay_s."""
        return self._call("POST", "delivery", options)

    def faults(self, status: int | str | None, path: str = ".*", count: int = 1) -> dict[str, Any]:
        """Let the next `count` API calls that match `path` fail: 429, 500, "reset" or "hang"; None ends it."""
        return self._call("POST", "faults", {"status": status, "path": path, "count": count})

    def fault_share(
        self, status: int | str, share: float, seed: int = 0, path: str = ".*", *, kept: bool = False
    ) -> dict[str, Any]:
        """Let a share of the API calls fail until `faults(None)`; the same seed lets the same calls fail again.

        Args:
            kept: A 500 is repeated for the same idempotency key, as Stripe does for a day.
        """
        asked: dict[str, object] = {"status": status, "path": path, "share": share, "seed": seed, "kept": kept}
        return self._call("POST", "faults", asked)

    def thresholds(self, *, offered: bool) -> dict[str, Any]:
        """Whether this Stripe knows billing thresholds; not every account may use them."""
        return self._call("POST", "thresholds", {"offered": offered})

    def meter_errors(self, code: str | None, count: int = 1) -> dict[str, Any]:
        """The next `count` meter events are taken and refused later, by a report; None ends it."""
        return self._call("POST", "meter_errors", {"code": code, "count": count})

    def meter_validation(self, **options: object) -> dict[str, Any]:
        """How usage is checked: asynchronously, samples, named_by."""
        return self._call("POST", "meter_validation", options)

    def deliveries(self) -> dict[str, Any]:
        return self._call("GET", "deliveries")

    def refund(self, payment_intent: str, amount_cents: int | None = None) -> dict[str, Any]:
        body: dict[str, object] = {"payment_intent": payment_intent}
        if amount_cents is not None:
            body["amount"] = amount_cents
        return self._call("POST", "refunds", body)

    def refund_fails(self, refund: str) -> dict[str, Any]:
        """The customer's bank sends a refund back."""
        return self._call("POST", "refund_fails", {"refund": refund})

    def dispute(self, payment_intent: str, amount_cents: int | None = None, *, inquiry: bool = False) -> dict[str, Any]:
        """A bank contests a payment or a part of it, or only asks about it."""
        body: dict[str, object] = {"payment_intent": payment_intent, "inquiry": inquiry}
        if amount_cents is not None:
            body["amount"] = amount_cents
        return self._call("POST", "disputes", body)

    def dispute_changes(self, dispute: str, to: str) -> dict[str, Any]:
        """What the bank does next: "escalated", "won", "lost" or "reinstated"."""
        return self._call("POST", "dispute_changes", {"dispute": dispute, "to": to})

    def _call(self, method: str, route: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        import httpx  # takes a moment to import; only the laboratory needs it

        try:
            with httpx.Client(timeout=10, trust_env=False, verify=authorities()) as client:
                answer = client.request(method, f"{self.base}/_sandbox/{route}", json=body)
        except httpx.HTTPError as error:
            raise OperatorError(
                "The sandbox does not answer.",
                fix="Restart the console; its state is kept.",
                code="sandbox.unreachable",
            ) from error
        if answer.status_code >= 400:
            raise OperatorError(
                f"The sandbox refused this: {answer.text[:200]}", fix="Correct the values.", code="sandbox.refused"
            )
        found = answer.json()
        return found if isinstance(found, dict) else {"data": found}
