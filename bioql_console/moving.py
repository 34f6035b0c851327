"""`move`: the ledger into another database, for good, when a team grows out of a file."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bioql_console.app import operator_name
from bioql_console.core import database_url
from bioql_console.domain.database_address import DatabaseAddress
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.plain_text import shown
from bioql_console.importing import ProgressLine
from bioql_console.ledgers import ledger_at
from bioql_console.refusals import told_as_json
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import data_directory, environment_directory, load
from bioql_console.storage.database import Database
from bioql_console.storage.migrate import HEAD
from bioql_console.storage.moving import Moved, move


class MoveOptions(NamedTuple):
    """What `bioql-console move` was asked for; None means as the settings say."""

    target: str
    data_dir: Path | None
    database: str | None
    environment: Environment | None


class Answer(NamedTuple):
    """What came of it.

    Args:
        steps: What the operator does next.
    """

    moved: Moved
    source: str
    target: str
    steps: tuple[str, ...]


def run_move(options: MoveOptions) -> Answer:
    """Move, with progress on a terminal.

    Raises:
        OperatorError: `move.*`, `db.*`, `instance.running`; nothing was changed then.
    """
    folder = data_directory(options.data_dir)
    settings = load(folder)
    environment = options.environment or Environment(settings.environment)
    if environment is Environment.SANDBOX and options.database is None:
        raise OperatorError(
            "The Sandbox stays in a file of this computer.",
            fix="Name the ledger with --env test or --env live.",
            code="move.sandbox",
        )
    with ExitStack() as stack:
        stack.enter_context(InstanceLock(folder, "move"))
        source = ledger_at(database_url(settings, folder, environment, options.database, make=False))
        stack.callback(source.close)
        target = ledger_at(options.target)
        stack.callback(target.close)
        named = options.database is not None and options.environment is None
        source.environment = None if named else environment
        if source.shown_url == target.shown_url:
            raise OperatorError(
                "The ledger is there already.", fix="Name another database, a new and empty one.", code="move.same"
            )
        source.open_existing()
        target.environment = source.environment or source.standing().environment
        _make(target)
        with ProgressLine() as line:
            moved = move(source, target, operator=operator_name(), progress=line.show)
        steps = _next(target, folder, target.environment or environment)
        return Answer(moved, source.shown_url, target.shown_url, tuple(steps))


def _make(target: Database) -> None:
    """Make the tables. A ledger that is there is not upgraded by the way.

    Raises:
        OperatorError: `move.not_empty`, `db.*`.
    """
    here = target.standing()
    if not here.empty and here.schema != HEAD:
        raise OperatorError(
            f"There is a ledger of an older version at {target.words}; nothing was changed.",
            fix="Name a new, empty database: one is made with CREATE DATABASE.",
            code="move.not_empty",
        )
    target.open(None)


def _next(target: Database, folder: Path, environment: Environment) -> list[str]:
    """How to go on, step by step."""
    address = target.shown_url
    if target.path is None:
        asked = DatabaseAddress.read(address)
        steps = [
            f"Start the console in {environment.word} and press Database…: "
            f"host {asked.host}, port {asked.port}, database {asked.database}, user {asked.user}.",
            f'A server without a window: --database "{address}", or in {folder / "settings.json"} '
            f'"{environment.value}_database_url": "{address}".',
        ]
        if environment is Environment.SANDBOX:
            steps = [f'Start the console or `serve` with --env sandbox --database "{address}".']
    elif target.path == environment_directory(folder, environment, make=False) / "bioql.db":
        name = f"{environment.value}_database_url"
        steps = [f'Set "{name}": "" in {folder / "settings.json"}, then start the console.']
    else:
        steps = [f"Start the console with --database {address}"]
    return steps


def answer(options: MoveOptions, *, as_json: bool) -> int:
    """Move, and print what came of it; the answer is the exit code."""
    with told_as_json(as_json):
        found = run_move(options)
    words = json.dumps(as_json_object(found), ensure_ascii=False) if as_json else "\n".join(_lines(found))
    sys.stdout.write(shown(words, len(words)) + "\n")
    return 0


def _lines(found: Answer) -> list[str]:
    moved, books = found.moved, found.moved.verification
    first = (
        f"The ledger was moved to {found.target} before; the old one says so now."
        if moved.before
        else f"The ledger is moved to {found.target}."
    )
    lines = [first, f"  {'Table':<24}{'Rows':>12}  Checksum, the same in both"]
    lines += [f"  {table.name:<24}{table.rows:>12,}  {table.checksum}" for table in moved.tables if table.rows]
    lines.append(
        f"  The books balance there: {books.users:,} users, {books.entries:,} entries, "
        f"{plain_dollars(books.owed_micros)} owed, {plain_dollars(books.credit_micros)} in credit; each user's balance "
        "is the same."
    )
    if moved.marked:
        lines.append(f"  The old ledger is marked as moved; nothing is written there any more: {found.source}")
    else:
        lines.append(
            f"→ The old ledger could not be marked: {found.source} Don't use it any more; run the same command again "
            "to mark it."
        )
    return [*lines, *(f"→ {step}" for step in found.steps)]


def as_json_object(found: Answer) -> dict[str, Any]:
    """The JSON answer. Its names stay; others may be added."""
    moved, books = found.moved, found.moved.verification
    return {
        "ok": True,
        "from": found.source,
        "to": found.target,
        "tables": [{"table": each.name, "rows": each.rows, "checksum": each.checksum} for each in moved.tables],
        "checksum": moved.checksum,
        "users": books.users,
        "entries": books.entries,
        "owed_micros": books.owed_micros,
        "credit_micros": books.credit_micros,
        "marked": moved.marked,
        "moved_before": moved.before,
        "next": list(found.steps),
    }
