"""Whether a user's plan lets a run start, and what it would cost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bioql_console.domain.plans import Permission, PlanLimits, permission
from bioql_console.domain.users import User
from bioql_console.services.ports import Store, Work


@dataclass(frozen=True, slots=True)
class Quota:
    """A user's month so far: successful shots since its first day, UTC."""

    limits: PlanLimits
    used: int

    @property
    def left(self) -> int | None:
        """None for no limit."""
        return None if self.limits.monthly_shots is None else max(0, self.limits.monthly_shots - self.used)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "may I run this?"."""

    permission: Permission
    limits: PlanLimits
    cost_micros: int


class PlanCheck:
    """Asks before a run. What has run is recorded whatever the plan says."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms

    def quota(self, user: User) -> Quota:
        with self._store.read() as work:
            return self._quota(work, user)

    def ask(self, user: User, shots: int, backend: str) -> Verdict:
        """Whether so many shots may run now.

        Raises:
            UnknownBackend: no price is set for the backend.
        """
        with self._store.read() as work:
            cost = shots * work.tariff.price_list().micros_per_shot(backend, self._now_ms())
            quota = self._quota(work, user)
        return Verdict(permission(quota.limits, quota.used, shots, backend), quota.limits, cost)

    def _quota(self, work: Work, user: User) -> Quota:
        now_ms = self._now_ms()
        days = work.usage.daily(_month_start_ms(now_ms), now_ms + 1, user.id)
        return Quota(work.tariff.limits(user.plan), sum(day.shots for day in days))


def _month_start_ms(now_ms: int) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return int(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp()) * 1000
