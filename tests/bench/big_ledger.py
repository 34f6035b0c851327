"""A ledger of a million users with five million postings, built once and kept in the user's cache.

Its rows are made of their numbers alone, so that every machine measures the same ledger; its books hold, and `verify`
finds nothing. Nobody writes to the kept file: who writes, or opens a window on it, takes a copy.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bioql_console.domain.environment import Environment
from bioql_console.settings import environment_directory
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.migrate import HEAD

USERS = 1_000_000
DAY_MS = 86_400_000
# The first of January 2026; the last posting is 200 days later.
BEGAN_MS = 1_767_225_600_000
LAST_MS = BEGAN_MS + 200 * DAY_MS
# A name that one user has, and one that one in fifty has.
RARE, COMMON = "Quillfeather", "Zoe"
FIRST_NAMES = (
    "Ada Alan Amina Ana Anton Barbara Bela Carl Chen Clara Dana David Edith Elif Emil Emmy Erik Eva Farid Frida "
    "Grace Hana Hugo Ida Ivan Jane Jonas Julia Karl Kira Lena Leo Lise Luca Maria Max Mina Nils Nora Omar Otto Paul "
    "Rosa Sara Sofia Tariq Tom Vera Yuki Zoe"
)
LAST_NAMES = (
    "Abel Adler Ahmed Bauer Berg Bianchi Brandt Castro Costa Cruz Dahl Diaz Engel Fabre Falk Ferrari Fischer Garcia "
    "Gauss Haas Hansen Horvat Ito Jensen Kaya Keller Khan Kim Klein Kovacs Kumar Lang Larsen Lopez Lovelace Maier "
    "Marino Meyer Moreau Mori Nagy Nakamura Noether Novak Olsen Park Patel Pereira Perez Quist Reyes Ricci Roth Rossi "
    "Santos Sato Schmidt Silva Singh Smith Sokolov Tanaka Torres Turing Ueda Vogel Wagner Wang Weber Wolf Wu Yamada"
)


def big_ledger(users: int = USERS) -> Path:
    """The kept file, built when it is not there; only to be read. A million users take a minute."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bioql-console-bench"
    folder.mkdir(parents=True, exist_ok=True)
    kind = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = folder / f"{users}-users-{HEAD}-{kind}.db"
    if not kept.exists():
        for old in folder.glob(f"{users}-users-*"):
            old.unlink()
        building = folder / f"{users}-users-building-{os.getpid()}.db"
        _build(building, users)
        building.replace(kept)
    return kept


def data_dir_of(folder: Path, users: int = USERS) -> Path:
    """A data folder whose Sandbox has a copy of the ledger."""
    data_dir = folder / "data"
    shutil.copyfile(big_ledger(users), environment_directory(data_dir, Environment.SANDBOX) / "bioql.db")
    return data_dir


def _build(path: Path, users: int) -> None:
    made = Database(sqlite_url(path), lambda: LAST_MS)
    made.environment = Environment.SANDBOX
    made.open(path.parent / "backups")
    made.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = OFF")
        file.execute("PRAGMA synchronous = OFF")
        file.execute("PRAGMA cache_size = -1000000")
        file.execute("PRAGMA temp_store = MEMORY")
        file.execute("BEGIN")
        later = file.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'trigger' OR type = 'index')"
        ).fetchall()
        for kind, name, _ in later:
            file.execute(f'DROP {kind} "{name}"')
        file.executemany(
            "INSERT INTO users (id, name, email, plan, key_sha256, key_hint, stripe_customer_id, disabled, created_ms,"
            " last_used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            _people(users),
        )
        _post(file, users)
        for step in (f"'hashsize', {2**28}", "'rebuild', NULL", f"'hashsize', {2**20}"):  # the last is its usual size
            file.execute(f"INSERT INTO users_search (users_search, rank) VALUES ({step})")
        for _, _, words in later:
            file.execute(words)
        file.execute("COMMIT")
        file.execute("PRAGMA journal_mode = WAL")


def _people(users: int) -> Iterator[tuple[object, ...]]:
    firsts, lasts = FIRST_NAMES.split(), LAST_NAMES.split()
    for number in range(1, users + 1):
        mixed = number * 2_654_435_761 % 2**32
        first, last = firsts[mixed % len(firsts)], lasts[mixed // 64 % len(lasts)]
        if number == users * 3 // 5:
            last = RARE
        plan = ("free", "free", "free", "pro", "enterprise")[mixed // 7 % 5]
        yield (
            number,
            f"{first} {last}",
            f"{first}.{last}.{number}@uni{mixed % 97}.example".lower(),
            plan,
            f"{number:032x}{mixed:032x}",
            f"bioql_…{mixed % 65536:04x}",
            f"cus_{number:06x}{mixed:08x}" if number % 20 else None,
            not number % 500,
            BEGAN_MS - mixed % (400 * DAY_MS),
            BEGAN_MS + mixed * 7 % (200 * DAY_MS) if number % 3 else None,
        )


def _post(file: sqlite3.Connection, users: int) -> None:
    """Each user is charged twice; every second one paid for the first charge, every fourth for both."""
    numbers = f"WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {users})"
    day = 86_400_000
    columns = "id, kind, source_type, source_id, effective_ms, recorded_ms, operator, memo, currency"
    charged_ms = [f"{BEGAN_MS} + (id * {factor} % 180) * {day} + id % {day}" for factor in (7_919, 7_950)]
    paid_ms = f"{BEGAN_MS} + (181 + id % 19) * {day}"
    entries = (
        ("id", "adjustment", "adjustment", "'charge_0_'", charged_ms[0], "1"),
        (f"id + {users}", "adjustment", "adjustment", "'charge_1_'", charged_ms[1], "1"),
        (f"id / 2 + {2 * users}", "payment", "payment_intent", "'pi_'", paid_ms, "id % 2 = 0"),
    )
    first, second = (f"(id * {factor} % 5000 + 1) * 10000" for factor in (7_919, 104_729))
    paid = f"({first} + CASE WHEN id % 4 = 0 THEN {second} ELSE 0 END)"
    for (entry, kind, source, prefix, at_ms, which), micros in zip(entries, (first, second, f"-{paid}"), strict=True):
        file.execute(
            f"INSERT INTO journal_entries ({columns}) {numbers} SELECT {entry}, '{kind}', '{source}', {prefix} || id,"
            f" {at_ms}, {at_ms}, 'bench', '', 'usd' FROM n WHERE {which}"
        )
        other = "stripe_clearing" if kind == "payment" else "adjustments"
        for account, person, sign in (("receivable", "id", 1), (other, "NULL", -1)):
            file.execute(
                f"INSERT INTO postings (entry_id, account, user_id, micros, effective_ms) {numbers}"
                f" SELECT {entry}, '{account}', {person}, {sign} * {micros}, {at_ms} FROM n WHERE {which}"
            )
    owed = f"{first} + {second} - CASE WHEN id % 2 = 0 THEN {paid} ELSE 0 END"
    file.execute(
        f"INSERT INTO balances (user_id, receivable_micros, version) {numbers}"
        f" SELECT id, {owed}, 2 + (id % 2 = 0) FROM n"
    )
