"""`verify`: the ledgers that the window would open, recomputed beside whatever uses them; nothing is touched."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioql_console.core import database_url, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.plain_text import shown
from bioql_console.domain.verification import Difference, Verification
from bioql_console.ledgers import ledger_at
from bioql_console.refusals import refusal
from bioql_console.services.credentials import Credentials
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.settings import data_directory, load


@dataclass(frozen=True, slots=True)
class LedgerVerified:
    """One ledger, and what came of it.

    Args:
        environment: Whose it is; None where only its address was named.
        found: None when it could not be looked at, for the reason in `error`.
    """

    environment: Environment | None
    place: str
    found: Verification | None
    error: OperatorError | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """Every ledger that was asked for. The figures are those of what could be looked at, added up."""

    ledgers: tuple[LedgerVerified, ...]

    @property
    def ok(self) -> bool:
        """Whether all books balance; a ledger that nobody could look at is not taken for sound."""
        return all(ledger.found is not None and ledger.found.ok for ledger in self.ledgers)

    @property
    def total(self) -> Verification:
        found = [ledger.found for ledger in self.ledgers if ledger.found is not None]
        return Verification(
            users=sum(each.users for each in found),
            entries=sum(each.entries for each in found),
            owed_micros=sum(each.owed_micros for each in found),
            credit_micros=sum(each.credit_micros for each in found),
            differences=tuple(difference for ledger in self.ledgers for difference in _differences(ledger)),
        )


def _differences(ledger: LedgerVerified) -> Iterator[Difference]:
    """Those of one ledger, each with the environment that it is in."""
    word = f"{ledger.environment.word}: " if ledger.environment else ""
    for each in ledger.found.differences if ledger.found else ():
        yield Difference(f"{word}{each.what}", each.cure, each.user_id)


def run_verify(data_dir: Path | None, url: str | None) -> Verified:
    """Verify one database, or every environment's: the team's where one is chosen, else the file in the data folder.

    Raises:
        OperatorError: `db.absent` when there is no ledger at all; `settings.*`; `db.*` for the one that was named.
    """
    if url:
        ledger = _verified(None, url, None)
        if ledger.error is not None:
            raise ledger.error
        return Verified((ledger,))
    folder = data_directory(data_dir)
    settings = load(folder)
    kept = Credentials(KeychainSecrets(), now_ms)
    seen = [_verified(each, database_url(settings, folder, each, make=False), kept) for each in Environment]
    # An environment that nobody has used yet has no file, and needs none; a database that was chosen must be there.
    used = [
        ledger
        for ledger in seen
        if ledger.error is None
        or ledger.error.code != "db.absent"
        or (ledger.environment and settings.team_database(ledger.environment))
    ]
    if not used:
        raise OperatorError(
            f"There is no ledger in {folder}.",
            fix="Start the console or `serve` once, or name another --data-dir.",
            code="db.absent",
        )
    return Verified(tuple(used))


def _verified(environment: Environment | None, url: str, kept: Credentials | None) -> LedgerVerified:
    database = ledger_at(url, kept)
    database.environment = environment
    place = str(database.path or database.words)
    try:
        database.open_existing()
        with database.read() as work:
            return LedgerVerified(environment, place, work.verifier.run())
    except OperatorError as error:
        return LedgerVerified(environment, place, None, error)
    finally:
        database.close()


# --- answers


def answer(data_dir: Path | None, url: str | None, *, as_json: bool) -> int:
    """Verify, and print what came of it; the answer is the exit code: 0 when all books balance."""
    found = run_verify(data_dir, url)
    words = json.dumps(as_json_object(found), ensure_ascii=False) if as_json else "\n".join(as_text(found))
    sys.stdout.write(f"{words}\n")
    return 0 if found.ok else 1


def as_json_object(found: Verified) -> dict[str, Any]:
    """The JSON answer. Its names stay; others may be added."""
    total = found.total
    return {
        "ok": found.ok,
        "users": total.users,
        "entries": total.entries,
        "owed_micros": total.owed_micros,
        "credit_micros": total.credit_micros,
        "differences": [{"what": d.what, "cure": d.cure, "user_id": d.user_id} for d in total.differences],
        "ledgers": [_ledger_as_json(ledger) for ledger in found.ledgers],
    }


def _ledger_as_json(ledger: LedgerVerified) -> dict[str, Any]:
    named = {"environment": ledger.environment.value if ledger.environment else None, "place": ledger.place}
    if ledger.error is None:
        return named | {"ok": ledger.found is not None and ledger.found.ok}
    return named | {"ok": None, "error": refusal(ledger.error)}


def as_text(found: Verified) -> Iterator[str]:
    """The answer for people, line by line."""
    for ledger in found.ledgers:
        yield shown(f"{_name(ledger)}: {_figures(ledger)}")
        if ledger.error is not None:
            yield shown(f"            {ledger.error.what}")
            yield shown(f"            → {ledger.error.fix}  [{ledger.error.code}]")
        for difference in ledger.found.differences if ledger.found else ():
            yield shown(f"DIFFERENCE  {difference.what}")
            yield shown(f"            → {difference.cure}")
    yield _verdict(found)


def _name(ledger: LedgerVerified) -> str:
    return f"{ledger.environment.word} · {ledger.place}" if ledger.environment else ledger.place


def _figures(ledger: LedgerVerified) -> str:
    if ledger.found is None:
        return "not verified."
    each = ledger.found
    return f"{each.users:,} users, {each.entries:,} entries, {plain_dollars(each.owed_micros)} owed"


def _verdict(found: Verified) -> str:
    differences, missed = len(found.total.differences), sum(ledger.found is None for ledger in found.ledgers)
    words = f"{differences:,} differences." if differences else "The books balance."
    if missed == len(found.ledgers):
        return "No ledger could be verified."
    return words if not missed else f"{words} But {missed} of {len(found.ledgers)} ledgers could not be verified."
