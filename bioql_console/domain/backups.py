"""Backups of a ledger: how they are named, and what is known of one before it is restored."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import groupby
from pathlib import Path

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Verification

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and words for what is going on."""


class Reason(Enum):
    """Why a backup was made, as its name tells."""

    HAND = ""
    UPGRADE = "upgrade"
    IMPORT = "import"
    RESTORE = "restore"

    @property
    def words(self) -> str:
        return f"before {self.value}" if self.value else "by hand"


# Made by itself, again and again; of these only the newest are kept. What a restore replaced, nothing else may hold.
REPEATED = (Reason.UPGRADE, Reason.IMPORT)
# Of one environment and kind of database.
KEPT = 10
NAME = re.compile(r"bioql-([a-z]+)-(\w+)-(\d{8}T\d{9})Z(?:-(upgrade|import|restore))?\.(db|dump)")
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
    reason: Reason = Reason.HAND


@dataclass(frozen=True, slots=True)
class Made:
    """A backup and what recomputing the books in it found; None where that was not asked for."""

    backup: Backup
    verification: Verification | None


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


def file_name(environment: Environment | None, schema: str, at_ms: int, kind: str, reason: Reason = Reason.HAND) -> str:
    """E.g. "bioql-test-0011-20261128T113000000Z.db", or "…Z-import.db"."""
    at = EPOCH + timedelta(milliseconds=at_ms)
    moment = f"{at:%Y%m%dT%H%M%S}{at_ms % 1000:03}"
    ending = next(ending for ending, words in KINDS.items() if words == kind)
    why = f"-{reason.value}" if reason.value else ""
    return f"bioql-{environment.value if environment else NAMELESS}-{schema}-{moment}Z{why}.{ending}"


def read_name(path: Path) -> Backup | None:
    """What a name tells; None when it is not one of ours."""
    found = NAME.fullmatch(path.name)
    if found is None:
        return None
    environment, schema, moment, why, ending = found.groups()
    try:
        at = datetime.strptime(moment[:-3], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        known = None if environment == NAMELESS else Environment(environment)
    except ValueError:
        return None
    made_ms = (at - EPOCH) // timedelta(milliseconds=1) + int(moment[-3:])
    return Backup(path, known, schema, made_ms, KINDS[ending], reason=Reason(why or ""))


def beyond(backups: Iterable[Backup], kept: int = KEPT) -> list[Backup]:
    """Which backups are not kept: those made by themselves, but for the newest so many of each environment and kind."""

    def whose(backup: Backup) -> tuple[str, str]:
        return backup.environment.value if backup.environment else NAMELESS, backup.kind

    repeated = (each for each in backups if each.reason in REPEATED)
    newest_first = sorted(repeated, key=lambda each: (whose(each), -each.made_ms))
    return [each for _, group in groupby(newest_first, whose) for each in list(group)[kept:]]


def stopped(what: str) -> OperatorError:
    """What somebody asked to stop."""
    return OperatorError(
        f"The {what} was stopped; nothing was changed.", fix="Start it again when it suits.", code="backup.stopped"
    )
