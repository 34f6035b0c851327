"""The figures of the Overview page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline figure.

    Args:
        value: Micros or a count, as its name in `Figures` says.
        count: How many customers, payments or backends stand behind it.
        history: One value a day, oldest first, for the sparkline.
    """

    value: int
    count: int
    history: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Taken in one transaction, so they agree with each other."""

    outstanding_micros: Figure
    overdue_micros: Figure
    paid_micros: Figure
    shots: Figure
    users: int
    users_without_customer: int
    events_needing_attention: int
    outbox_waiting: int
    outbox_refused: int
    as_of_ms: int
