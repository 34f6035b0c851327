"""`import`: a `users.db` of BioQL's first server, into the ledger of one environment or into a preview."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from bioql_console.app import operator_name
from bioql_console.core import database_url, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportReport
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.plain_text import shown
from bioql_console.ledgers import ledger_at
from bioql_console.refusals import refusal
from bioql_console.services.backups import Backups
from bioql_console.services.changes import Changes
from bioql_console.services.hardening import harden
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.services.legacy.legacy_import import LegacyImport
from bioql_console.settings import data_directory, load
from bioql_console.storage.database import Database
from bioql_console.storage.legacy_file import open_legacy

SHOWN_OF_A_KIND = 3
LISTED = 1_000


class ImportOptions(NamedTuple):
    """What `bioql-console import` was asked for; None means as the settings say."""

    file: Path
    dry_run: bool
    with_credit: bool
    data_dir: Path | None
    database: str | None
    environment: Environment | None
    backup: bool = True


def run_import(options: ImportOptions) -> ImportReport:
    """Import or preview, with progress on a terminal.

    Raises:
        OperatorError: `import.*`, `db.*`, `instance.running`; nothing was changed then.
    """
    harden()
    with ExitStack() as stack:
        stack.enter_context(_no_collecting())
        database, folder = _preview_ledger(options) if options.dry_run else _ledger(options, stack)
        stack.callback(database.close)
        backups = Backups(database, folder / "backups", Changes())
        back_up = backups.before_import if options.backup else lambda: None
        imports = LegacyImport(database, open_legacy, back_up, Changes(), now_ms, tidy=backups.tidy)
        progress = stack.enter_context(ProgressLine())
        if options.dry_run:
            return imports.preview(options.file, with_credit=options.with_credit, progress=progress.show)
        return imports.run(
            options.file, operator=operator_name(), with_credit=options.with_credit, progress=progress.show
        )


def answer(options: ImportOptions, *, as_json: bool) -> int:
    """Import, and print what came of it; the answer is the exit code."""
    try:
        report = run_import(options)
    except OperatorError as error:
        if as_json:
            _print(json.dumps(refusal_as_json(error), ensure_ascii=False))
        raise
    if as_json:
        _print(json.dumps(report_as_json(report, options), ensure_ascii=False))
    else:
        _print("\n".join(as_text(report, options)))
    return 0


def _print(words: str) -> None:
    sys.stdout.write(shown(words, len(words)) + "\n")


def _ledger(options: ImportOptions, stack: ExitStack) -> tuple[Database, Path]:
    folder = data_directory(options.data_dir)
    database = ledger_at(_url(options, folder))
    database.environment = _owner(options, folder)
    if database.path is not None:
        # A minute of writing would keep a server's customers waiting for longer than they do.
        stack.enter_context(InstanceLock(folder, "import"))
    database.open(folder / "backups")
    return database, folder


def _preview_ledger(options: ImportOptions) -> tuple[Database, Path]:
    """The ledger as it is; where there is none yet, an empty one in memory."""
    folder = data_directory(options.data_dir, make=False)
    database = ledger_at(_url(options, folder))
    database.environment = _owner(options, folder)
    if database.path is None or database.path.exists():
        database.open_existing()
        return database, folder
    database.close()
    empty = Database("sqlite://", now_ms)
    empty.open(folder / "backups")
    return empty, folder


def _url(options: ImportOptions, folder: Path) -> str:
    environment = _environment(options, folder)
    return database_url(load(folder), folder, environment, options.database, make=not options.dry_run)


def _owner(options: ImportOptions, folder: Path) -> Environment | None:
    """Whose ledger it shall be; one that is only named by its address is brought in whosever it is."""
    return None if options.database and options.environment is None else _environment(options, folder)


def _environment(options: ImportOptions, folder: Path) -> Environment:
    return options.environment or Environment(load(folder).environment)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of rows pass by and none of them is garbage in a circle; looking for that takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class ProgressLine:
    """One line on a terminal, rewritten; nothing elsewhere."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._said = ""

    def show(self, done: int, total: int, words: str) -> None:
        line = f"{done * 100 // max(1, total):3} %  {words}"
        if self._on and line != self._said:
            self._said = line
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._said:
            sys.stderr.write("\r\x1b[K")


# --- answers ---


def report_as_json(report: ImportReport, options: ImportOptions) -> dict[str, Any]:
    """The JSON answer. Its first seven names stay; others may be added."""
    tally, problems = report.tally, report.problems
    return {
        "ok": True,
        "users": tally.brought.users,
        "usage_rows": tally.brought.usage_rows,
        "owed_micros": tally.owed_micros,
        "credit_micros": tally.credit_micros,
        "without_customer": len(tally.without_customer),
        "problems": [asdict(problem) for kept in problems.found.values() for problem in kept],
        "problem_counts": [
            {"table": table, "kind": kind, "count": count} for (table, kind), count in problems.counts.items()
        ],
        "months": tally.brought.months,
        "invoices": tally.brought.invoices,
        "tickets": tally.brought.tickets,
        "charged_micros": tally.charged_micros,
        "runs_micros": tally.runs_micros,
        "paid_micros": tally.paid_micros,
        "prepaid_micros": tally.prepaid_micros,
        "reported_to_stripe_micros": tally.reported_micros,
        "added": asdict(tally.added),
        "skipped": dict(tally.left_out),
        "without_customer_rows": tally.without_customer[:LISTED],
        "notes": list(report.notes),
        "file": report.file,
        "dry_run": options.dry_run,
        "written": report.written,
        "backup": report.backup,
    }


def refusal_as_json(error: OperatorError) -> dict[str, Any]:
    """The same when nothing could be brought in at all."""
    sums = ("users", "usage_rows", "owed_micros", "credit_micros", "without_customer")
    return {
        "ok": False,
        **dict.fromkeys(sums, 0),
        "problems": [{"table": None, "row": None, "what": error.what}],
        "error": refusal(error),
    }


def as_text(report: ImportReport, options: ImportOptions) -> Iterator[str]:
    """The answer for people, line by line."""
    tally, added = report.tally, report.tally.added
    yield f"{report.file}: {_verdict(report, options)}"
    rows = (
        ("Users", tally.brought.users, added.users, ""),
        ("Runs", tally.brought.usage_rows, added.usage_rows, ""),
        ("Months of usage", tally.brought.months, None, plain_dollars(tally.charged_micros)),
        ("Invoices", tally.brought.invoices, added.invoices, f"{plain_dollars(tally.paid_micros)} paid"),
        ("Support tickets", tally.brought.tickets, added.tickets, ""),
    )
    for name, count, new, words in rows:
        fresh = "" if new is None else f"{new:,} new"
        yield f"  {name:<18}{count:>12,}  {fresh:<16}{words}".rstrip()
    if report.with_credit:
        yield f"  {'Prepaid credit':<48}{plain_dollars(tally.prepaid_micros)}"
    yield f"  {'Owed':<48}{plain_dollars(tally.owed_micros)}"
    yield f"  {'In credit':<48}{plain_dollars(tally.credit_micros)}"
    if tally.without_customer:
        yield f"  {len(tally.without_customer):,} users have no Stripe customer and can't pay until they get one."
    yield from (f"  {note}" for note in report.notes)
    yield from _problems(report)
    yield f"→ {_next_step(report, options)}"


def _verdict(report: ImportReport, options: ImportOptions) -> str:
    if report.nothing_new:
        return "everything is here already, nothing was changed."
    return "a preview, nothing was written." if options.dry_run else "brought in."


def _problems(report: ImportReport) -> Iterator[str]:
    if report.problems.counts:
        yield f"  {report.problems.counts.total():,} rows with problems:"
    for (table, kind), problems in report.problems.found.items():
        count = report.problems.counts[table, kind]
        yield f"  {table}: {kind} ({count:,})"
        yield from (f"    {problem.row}: {problem.what}" for problem in problems[:SHOWN_OF_A_KIND])
        if count > SHOWN_OF_A_KIND:
            yield f"    … and {count - SHOWN_OF_A_KIND:,} more"


def _next_step(report: ImportReport, options: ImportOptions) -> str:
    if options.dry_run and not report.nothing_new:
        return "Run it again without --dry-run to bring this in."
    if report.tally.without_customer:
        return "Open the Users page, filter for users without a customer, and create one for each."
    return "Run `bioql-console verify` to see that the books balance."
