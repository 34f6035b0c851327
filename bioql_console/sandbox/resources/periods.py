"""Billing periods: whole intervals counted from an anchor, as Stripe counts them."""

import calendar
from datetime import UTC, datetime, timedelta

from ..errors import Json


def period_at(anchor: int, recurring: Json, at: int) -> tuple[int, int]:
    """The period that `at` falls into: its first second, and the first second after it."""
    number = 0
    while (end := _after(anchor, recurring, number + 1)) <= at:
        number += 1
    return _after(anchor, recurring, number), end


def _after(anchor: int, recurring: Json, intervals: int) -> int:
    count, interval = recurring["interval_count"] * intervals, recurring["interval"]
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        return int((start + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    # The 31st becomes the last day of a shorter month, and is the 31st again after it.
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())
