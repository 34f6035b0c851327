"""What a plan allows: shots a month, and the backends they may run on."""

from dataclasses import dataclass, field

from bioql_console.domain.prices import matches, normal_backend
from bioql_console.domain.users import Plan

SIMULATORS = ("simulator", "ionq_simulator", "aws_sv1", "aws_tn1")
ANY = ("*",)


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """One plan's limits.

    Args:
        monthly_shots: Shots in one UTC month; None for no limit.
        backends: Names or patterns ("ibm_*"; "*" for all) that may be used.
        version: Grows with each edit; an edit names the version it saw.
    """

    plan: Plan
    monthly_shots: int | None
    backends: tuple[str, ...] = ANY
    version: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if self.monthly_shots is not None and self.monthly_shots < 0:
            raise ValueError("monthly shots can't be negative")
        if not all(pattern and pattern == normal_backend(pattern) for pattern in self.backends):
            raise ValueError("backends must be named as ibm_torino, ibm_* or *")

    def allows(self, backend: str) -> bool:
        name = normal_backend(backend)
        return any(matches(pattern, name) for pattern in self.backends)


DEFAULT_LIMITS = (
    PlanLimits(Plan.FREE, 1_000, SIMULATORS),
    PlanLimits(Plan.BASIC, 50_000, (*SIMULATORS, "ibm_*")),
    PlanLimits(Plan.PRO, 500_000),
    PlanLimits(Plan.ENTERPRISE, None),
)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether a run may start.

    Args:
        reason: Why not, one sentence; empty when it may.
        left: Shots left this month before the run; None for no limit.
        upgrade: Whether a bigger plan would help.
    """

    allowed: bool
    left: int | None
    reason: str = ""
    upgrade: bool = False


def permission(limits: PlanLimits, used: int, asked: int, backend: str) -> Permission:
    """Whether `asked` shots on a backend may run after `used` shots this month."""
    left = None if limits.monthly_shots is None else max(0, limits.monthly_shots - used)
    if not limits.allows(backend):
        return Permission(False, left, f"{backend} is not part of the {limits.plan.value} plan", upgrade=True)
    if left is not None and asked > left:
        words = f"Monthly limit of {limits.monthly_shots:,} shots: {left:,} left, {asked:,} asked for"
        return Permission(False, left, words, upgrade=True)
    return Permission(True, left)
