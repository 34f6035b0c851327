"""kill -9 at any moment: what was committed stays, what was not is gone, and the books balance."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bioql_console.storage.database import Database
from tests.storage.people import NOW, rows

BATCH = 20
WRITER = f"""
import sys
from pathlib import Path
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.storage.database import Database
database = Database(sys.argv[1], lambda: 1)
database.open(Path(sys.argv[2]))
with database.write() as work:
    work.users.add(NewUser("A", "a@uni.example", ApiKey.of("k"), 1))
    work.commit()
with database.read() as work:
    number = work.ledger.balance(1).owed_micros // 1_000_000
while True:
    with database.write() as work:
        for _ in range({BATCH}):
            number += 1
            work.ledger.post(usage_fact(f"u{{number}}", 1, 1_000_000, 1, ""))
            work.activity.record("system", "charged", f"user 1, {{number}}")
        print("open", number, flush=True)
        work.commit()
    print("done", number, flush=True)
"""


def killed_after(url: str, folder: Path, lines: int) -> int:
    """Let a child write until it has said so much, kill it; the last number it said to be committed."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(folder)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer.stdout as out:
        said = [out.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += out.readlines()
    assert writer.wait(10) == -signal.SIGKILL
    return max((int(line.split()[1]) for line in said if line.startswith("done") and line.endswith("\n")), default=0)


@pytest.mark.fault(
    "Crash",
    "kill -9 while the ledger is written, on SQLite and PostgreSQL",
    "What was committed is there, what was not is gone as a whole, and the books balance.",
    figure="6 kills each on SQLite and PostgreSQL, 0 commits lost",
)
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_loses_nothing_committed_and_leaves_nothing_half(url: str, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    committed = 0
    for _ in range(3):
        # An odd number of lines kills it inside a transaction, an even one right after a commit.
        committed = max(committed, killed_after(url, tmp_path / "backups", chance.randint(1, 12)))
        database = Database(url, lambda: NOW)
        database.open(tmp_path / "backups")
        with database.read() as work:
            owed = work.ledger.balance(1).owed_micros // 1_000_000
            found = work.verifier.run()
        trail = rows(database, "SELECT count(*) FROM activity")[0][0]
        database.close()
        assert found.ok, found.differences
        assert found.entries == owed == trail
        assert owed >= committed, "a commit was lost"
        assert owed % BATCH == 0, "half a transaction is there"
