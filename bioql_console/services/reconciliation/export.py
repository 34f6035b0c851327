"""A reconciliation as a table that ties: every difference, the totals, and a line that says what it is."""

from collections.abc import Iterator
from pathlib import Path

from bioql_console.domain.reconciliation import END_OF_TIME_MS, Difference, Reconciled, utc_day
from bioql_console.services.csv_export import write_csv

HEADER = (
    *("kind", "state", "what", "utc_day", "user_id", "user", "customer", "stripe_id"),
    *("books", "stripe", "difference", "cause", "repair_or_remark"),
)


def export_reconciliation(found: Reconciled, path: Path) -> int:
    """Write it as CSV; the number of differences, accepted ones included.

    Raises:
        OperatorError: `export.unwritable`.
    """
    write_csv(path, HEADER, _rows(found))
    return len(found.differences) + len(found.accepted)


def _rows(found: Reconciled) -> Iterator[list[str | int]]:
    for one in found.differences:
        yield _row(one, "open", one.repair_words)
    for one, remark in found.accepted:
        yield _row(one, "accepted", remark)
    for way in found.on_its_way:
        user = way.user_id or ""
        yield ["on its way", "on its way", way.what, way.day, user, "", "", way.stripe_id, "", "", _amount(way.cents), way.why, ""]  # fmt: skip  # noqa: E501
    kept, total = len(found.differences), sum(found.counts.values())
    if total > kept:
        yield ["more", "open", f"{total - kept:,} further differences are counted, not listed", *[""] * 10]
    for day in (*found.days, found.total):
        name = "day" if day.day else "total"
        words = (
            f"timing {_amount(day.timing_cents)}, named {_amount(day.named_cents)}, "
            f"on its way {_amount(day.on_its_way_cents)}, unexplained {_amount(day.rest_cents)}"
        )
        sides = (_amount(day.ledger_cents), _amount(day.stripe_cents), _amount(day.off_cents))
        yield [name, "", "Cash at Stripe", day.day, "", "", "", "", *sides, words, ""]
    until = "now" if found.period.to_ms == END_OF_TIME_MS else utc_day(found.period.to_ms - 1)
    manifest = (
        f"{found.environment} · {found.account} · UTC days {utc_day(found.period.from_ms)} to {until} · "
        f"{total:,} differences, {len(found.accepted):,} accepted, {len(found.on_its_way):,} on their way · USD"
    )
    yield ["manifest", "", manifest, utc_day(found.at_ms), *[""] * 9]


def _row(one: Difference, state: str, words: str) -> list[str | int]:
    sides = (_amount(one.ledger_cents), _amount(one.stripe_cents), _amount(one.off_cents))
    who = (one.user_id or "", one.user_name, one.customer, one.stripe_id)
    return [one.kind.value.code, state, one.kind.value.title, one.day, *who, *sides, one.cause, words]


def _amount(cents: int | None) -> str:
    """Dollars with two places; empty where a side says nothing."""
    if cents is None:
        return ""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
