"""Executed shots."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """One run of a circuit.

    Args:
        usage_id: Given by the client, or made by us; makes a repeated report harmless.
        cost_micros: shots × micros_per_shot, or 0 for a failed run.
    """

    usage_id: str
    user_id: int
    backend: str
    shots: int
    micros_per_shot: int
    cost_micros: int
    succeeded: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class DailyShots:
    """Shots of one UTC day on one backend."""

    day: str
    backend: str
    shots: int
    cost_micros: int
