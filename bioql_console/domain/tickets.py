"""What customers write to support."""

from dataclasses import dataclass
from enum import Enum


class Priority(Enum):
    """As the customer sees it; the order is the order of urgency."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class TicketState(Enum):
    """`RESOLVED` tickets say how."""

    OPEN = "open"
    RESOLVED = "resolved"


LONGEST_SUBJECT = 200
LONGEST_MESSAGE = 10_000
URGENCY = {priority: rank for rank, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request for help. `id` is what the customer knows it by, `TKT-…`; `version` grows with each edit."""

    id: str
    user_id: int
    priority: Priority
    subject: str
    message: str
    state: TicketState
    created_ms: int
    resolved_ms: int | None = None
    resolution: str = ""
    operator: str = ""
    user_name: str = ""
    user_email: str = ""
    sequence: int = 0
    version: int = 1
