"""Customers' Stripe balances: whether each change that the books decided was made there, once, and none besides."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bioql_console.domain.cash import CustomerRow, ToldRow
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.reconciliation import Difference, OnItsWay, utc_day
from bioql_console.services.reconciliation.run import Run
from bioql_console.services.stripe_types import Content

R = TypeVar("R")
T = TypeVar("T")
KEY = "bioql_key"
# Entries that repairs made, and what they end in: they count for the key before it.
AGAIN, UNDONE = ":again", ":undo"
REPAIR_PREFIX = "reconcile-"
PAD_MS = 3_600_000
# A message that waits longer than this is stuck.
STUCK_MS = 3_600_000


def check_balances(run: Run, lanes: int) -> None:
    """Compare by key. Only customers are asked about whose balance is or was anything but zero."""
    run.watch.begin("Comparing Stripe balances")
    wanted = [(customer, user_id) for customer, user_id, in_use in run.scratch.customers_in_use() if in_use]
    from_ms = run.period.from_ms - PAD_MS

    def entries(one: tuple[CustomerRow, int]) -> list[Content]:
        return list(run.gateway.balance_entries(one[0].id, from_ms))

    for number, ((customer, user_id), found) in enumerate(in_lanes(entries, wanted, lanes), 1):
        run.watch.look(number)
        _compare(run, customer, user_id, found)
    run.counts["balances"] = len(wanted)


def in_lanes(ask: Callable[[T], R], wanted: list[T], lanes: int) -> Iterator[tuple[T, R]]:
    """Ask about each, several at a time; answers come in order. A page's worth is ahead, not everything."""
    if lanes < 2:
        yield from ((one, ask(one)) for one in wanted)
        return
    with ThreadPoolExecutor(lanes, thread_name_prefix="reconcile") as pool:
        for first in range(0, len(wanted), 100):
            batch = wanted[first : first + 100]
            yield from zip(batch, pool.map(ask, batch), strict=True)


def _compare(run: Run, customer: CustomerRow, user_id: int, found: Iterable[Content]) -> None:
    by_key: dict[str, list[Content]] = {}
    by_hand: list[Content] = []
    undone: set[str] = set()
    for entry in found:
        key = str((entry.get("metadata") or {}).get(KEY) or "")
        if entry.get("type") != "adjustment":
            continue  # Stripe's own doing: applied to an invoice, given back by a void one
        if key.startswith(REPAIR_PREFIX):
            undone.add(key.removeprefix(f"{REPAIR_PREFIX}undo-"))
        elif key:
            by_key.setdefault(_base(key), []).append(entry)
        else:
            by_hand.append(entry)
    told = {row.key: row for row in run.scratch.told_to(customer.id)}
    for row in told.values():
        _compare_told(run, row, by_key.get(row.key, []))
    hands = "Somebody changed it in Stripe's dashboard or by another program."
    strange = [(entry, hands) for entry in by_hand]
    for key in by_key.keys() - told.keys():
        strange += [(entry, f"It carries the key {key}, which these books don't know.") for entry in by_key[key]]
    for entry, words in strange:
        if str(entry["id"]) not in undone:
            _by_hand(run, customer, user_id, entry, words)


def _base(key: str) -> str:
    return key.removesuffix(AGAIN).removesuffix(UNDONE)


def _compare_told(run: Run, row: ToldRow, entries: list[Content]) -> None:
    cents = -sum(int(entry["amount"]) for entry in entries)
    if cents == row.cents or (not entries and not run.period.has(row.at_ms)):
        return
    last_ms = max([row.at_ms, *(int(entry["created"]) * 1000 for entry in entries)])
    waits = row.state == MessageState.WAITING.value
    if run.fresh(last_ms, STUCK_MS if waits else None):
        what = f"A change of {row.customer}'s Stripe balance"
        why = row.error or "It was sent only now." if not waits else "It waits in the outbox."
        run.on_its_way.append(OnItsWay(what, why, row.key, utc_day(row.at_ms), user_id=row.user_id))
        return
    kind, words = _why(row, cents, entries)
    user = run.scratch.user(row.user_id)
    run.findings.add(
        Difference(
            kind,
            row.key,
            utc_day(row.at_ms),
            words,
            row.at_ms,
            row.cents,
            cents if entries else None,
            row.user_id,
            user.name if user else "",
            row.customer,
            repairable=not waits,
            details={"message": str(row.message_id), "state": row.state},
        )
    )


def _why(row: ToldRow, cents: int, entries: list[Content]) -> tuple[Kind, str]:
    if not entries:
        reasons = {
            MessageState.WAITING.value: f"It still waits in the outbox. {row.error}".strip(),
            MessageState.REFUSED.value: f"Stripe refused it: {row.error}",
        }
        return Kind.BALANCE_NOT_TOLD, reasons.get(row.state, "It counts as sent, but Stripe's balance lacks it.")
    if row.cents and cents % row.cents == 0 and cents // row.cents > 1:
        return Kind.BALANCE_TOLD_TWICE, f"The same key stands there {cents // row.cents} times."
    return Kind.BALANCE_AMOUNT, "Stripe's balance has another amount under the same key."


def _by_hand(run: Run, customer: CustomerRow, user_id: int, entry: Content, words: str) -> None:
    at_ms, cents = int(entry["created"]) * 1000, -int(entry["amount"])
    if not run.period.has(at_ms):
        return
    user = run.scratch.user(user_id)
    said = entry.get("description")
    run.findings.add(
        Difference(
            Kind.BALANCE_BY_HAND,
            str(entry["id"]),
            utc_day(at_ms),
            f"{words} It says: {said[:120]}." if said else words,
            at_ms,
            None,
            cents,
            user_id,
            user.name if user else "",
            customer.id,
        )
    )
