"""`reconcile`: the books beside Stripe, for people and for other programs. It only reads."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from bioql_console.core import database_url, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.plain_text import shown
from bioql_console.domain.reconciliation import END_OF_TIME_MS, Difference, Period, Reconciled, utc_day
from bioql_console.importing import ProgressLine
from bioql_console.inspection import running_server, stripe_of
from bioql_console.ledgers import ledger_at
from bioql_console.services.credentials import Credentials
from bioql_console.services.key_proof import LedgerBelongs
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.reconciliation.reconcile import Reconciliation, reconciliation_of
from bioql_console.settings import data_directory, load
from bioql_console.storage.reconciliation_scratch import open_scratch

SHOWN_OF_A_KIND = 10


class ReconcileOptions(NamedTuple):
    """What `bioql-console reconcile` was asked for; None means as the settings say, or the usual period."""

    first: date | None
    last: date | None
    data_dir: Path | None
    database: str | None
    environment: Environment | None


def run_reconcile(options: ReconcileOptions) -> Reconciled:
    """Compare, with progress on a terminal.

    Raises:
        OperatorError: `stripe.*`, `db.*`, `keychain.*`, `sandbox.not_running`.
    """
    folder = data_directory(options.data_dir)
    settings = load(folder)
    environment = options.environment or Environment(settings.environment)
    stripe = stripe_of(environment, Credentials(KeychainSecrets()), running_server(folder, environment))
    if stripe is None:
        raise OperatorError(
            "The offline Stripe is not running, so there is nothing to compare the books with.",
            fix="Start the console or `serve` on this data, then reconcile beside it.",
            code="sandbox.not_running",
        )
    database = ledger_at(database_url(settings, folder, environment, options.database, make=False))
    database.environment = environment
    try:
        database.open_existing()
        if environment is not Environment.SANDBOX:
            stripe.require(LedgerBelongs(database, environment, now_ms).check)
        reconciliation = reconciliation_of(environment, database, stripe, open_scratch, now_ms)
        with ProgressLine() as line:
            return reconciliation.run(_period(options, reconciliation), line.show)
    finally:
        database.close()


def _period(options: ReconcileOptions, reconciliation: Reconciliation) -> Period:
    usual = reconciliation.default_period()
    if options.first is None and options.last is None:
        return usual
    first = options.first or date.fromisoformat(utc_day(usual.from_ms))
    return Period.of_days(first, options.last)


def answer(options: ReconcileOptions, *, as_json: bool) -> int:
    """Reconcile, and print what came of it; the answer is the exit code: 0 when both sides say the same, else 1."""
    found = run_reconcile(options)
    if as_json:
        sys.stdout.write(json.dumps(as_json_object(found), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(shown(line) for line in as_text(found)) + "\n")
    return 0 if found.ok else 1


# --- answers


def as_json_object(found: Reconciled) -> dict[str, Any]:
    """The JSON answer. Its first eight names stay; others may be added."""
    ends = found.at_ms if found.period.to_ms == END_OF_TIME_MS else found.period.to_ms - 1
    return {
        "ok": found.ok,
        "from": utc_day(found.period.from_ms),
        "to": utc_day(ends),
        "checked": found.checked,
        "totals": [
            {
                "day": day.day,
                "ledger_cents": day.ledger_cents,
                "stripe_cents": day.stripe_cents,
                "difference_cents": day.off_cents,
                "timing_cents": day.timing_cents,
                "named_cents": day.named_cents,
                "on_its_way_cents": day.on_its_way_cents,
                "unexplained_cents": day.rest_cents,
            }
            for day in found.days
        ],
        "differences": [difference_as_json(one) for one in found.differences],
        "on_its_way": [
            {"what": one.what, "why": one.why, "stripe_id": one.stripe_id, "user_id": one.user_id, "day": one.day}
            for one in found.on_its_way
        ],
        "counts": {kind.value.code: count for kind, count in found.counts.items()},
        "customers": [
            {
                "user_id": one.user_id,
                "ledger_cents": one.ledger_cents,
                "stripe_cents": one.stripe_cents,
                "difference_cents": one.off_cents,
                "named_cents": one.named_cents,
            }
            for one in found.customers
        ],
        "accepted": [difference_as_json(one) | {"remark": remark} for one, remark in found.accepted],
        "account": found.account,
        "environment": found.environment,
        "as_of_ms": found.at_ms,
        "took_ms": found.took_ms,
    }


def difference_as_json(one: Difference) -> dict[str, Any]:
    """One difference for other programs."""
    return {
        "kind": one.kind.value.code,
        "what": one.what,
        "cause": one.cause,
        "consequence": one.kind.value.consequence,
        "repair": one.repair_words,
        "repairable": one.can_be_repaired,
        "user_id": one.user_id,
        "customer": one.customer,
        "stripe_id": one.stripe_id,
        "day": one.day,
        "since_ms": one.since_ms,
        "ledger_cents": one.ledger_cents,
        "stripe_cents": one.stripe_cents,
    }


def as_text(found: Reconciled) -> list[str]:
    """The answer for people, line by line."""
    total, ends = found.total, "now"
    if found.period.to_ms != END_OF_TIME_MS:
        ends = utc_day(found.period.to_ms - 1)
    lines = [f"{found.environment} · {found.account} · UTC days {utc_day(found.period.from_ms)} to {ends}"]
    lines += [f"  {name.replace('_', ' '):<20}{count:>12,}" for name, count in found.checked.items()]
    rows = (
        ("Books", total.ledger_cents),
        ("Stripe", total.stripe_cents),
        ("Timing", total.timing_cents),
        ("On its way", total.on_its_way_cents),
        ("Named differences", total.named_cents),
        ("Unexplained", total.rest_cents),
    )
    lines += [f"  {name:<20}{plain_dollars(cents * MICROS_PER_CENT):>16}" for name, cents in rows]
    for kind, count in found.counts.items():
        lines.append(f"{kind.value.title} ({count:,}): {kind.value.consequence}")
        of_kind = [one for one in found.differences if one.kind is kind]
        for one in of_kind[:SHOWN_OF_A_KIND]:
            lines += [f"  {one.day}  {one.what}", f"              {one.cause}", f"              → {one.repair_words}"]
        if count > SHOWN_OF_A_KIND:
            lines.append(f"  … and {count - SHOWN_OF_A_KIND:,} more")
    if found.on_its_way:
        lines.append(f"{len(found.on_its_way):,} on its way: nothing is wrong with them yet.")
    if found.accepted:
        lines.append(f"{len(found.accepted):,} accepted with a remark.")
    lines.append("Books and Stripe say the same." if found.ok else f"{sum(found.counts.values()):,} differences.")
    return lines
