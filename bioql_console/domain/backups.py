"""Backups of a ledger: how they are named, and what is known of one before it is restored."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and words for what is going on."""

NAME = re.compile(r"bioql-([a-z]+)-(\w+)-(\d{8}T\d{9})Z\.(db|dump)")
KINDS = {"db": "SQLite", "dump": "PostgreSQL"}
# Of a ledger that belongs to no environment, e.g. one that was named by its address.
NAMELESS = "ledger"
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as its file's name tells.

    Args:
        schema: Of the ledger in it: the number of the newest migration.
        kind: "SQLite" or "PostgreSQL".
    """

    path: Path
    environment: Environment | None
    schema: str
    made_ms: int
    kind: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BackupContent:
    """What a backup holds, read from it without restoring it.

    Args:
        environment: None when neither the content nor the name says which.
        accounts: Stripe accounts that the ledger belongs to, by environment.
        made_ms: None when the name does not tell.
    """

    path: Path
    kind: str
    schema: str
    environment: Environment | None
    accounts: dict[Environment, str]
    made_ms: int | None


def file_name(environment: Environment | None, schema: str, at_ms: int, kind: str) -> str:
    """E.g. "bioql-test-0011-20261128T113000000Z.db"."""
    at = EPOCH + timedelta(milliseconds=at_ms)
    moment = f"{at:%Y%m%dT%H%M%S}{at_ms % 1000:03}"
    ending = next(ending for ending, words in KINDS.items() if words == kind)
    return f"bioql-{environment.value if environment else NAMELESS}-{schema}-{moment}Z.{ending}"


def read_name(path: Path) -> Backup | None:
    """What a name tells; None when it is not one of ours."""
    found = NAME.fullmatch(path.name)
    if found is None:
        return None
    environment, schema, moment, ending = found.groups()
    try:
        at = datetime.strptime(moment[:-3], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        known = None if environment == NAMELESS else Environment(environment)
    except ValueError:
        return None
    made_ms = (at - EPOCH) // timedelta(milliseconds=1) + int(moment[-3:])
    return Backup(path, known, schema, made_ms, KINDS[ending])


def beyond(backups: Iterable[Backup], kept: int) -> list[Backup]:
    """Which of one environment's backups are not kept: all but the newest so many."""
    return sorted(backups, key=lambda each: each.made_ms, reverse=True)[kept:]


def stopped(what: str) -> OperatorError:
    """What somebody asked to stop."""
    return OperatorError(
        f"The {what} was stopped; nothing was changed.", fix="Start it again when it suits.", code="backup.stopped"
    )
