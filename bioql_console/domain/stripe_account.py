"""The Stripe account that a ledger belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """Whose customers and payments the ledger holds.

    Args:
        since_ms: When a key of this account was first proven.
    """

    id: str
    name: str
    since_ms: int

    def __str__(self) -> str:
        return f"{self.name} · {self.id}"
