"""An empty ledger to copy: making its tables takes longer than most tests."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from bioql_console.storage.database import Database, sqlite_url


def empty_ledger(path: Path) -> Path:
    """Put one there, as nobody's environment yet, unless there is a ledger already; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        shutil.copy(_template(), path)
    return path


@cache
def _template() -> Path:
    """Made once in each process of the run."""
    folder = Path(mkdtemp(prefix="empty-ledger-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(sqlite_url(folder / "bioql.db"), lambda: 0)
    database.open(folder)
    database.close()
    return folder / "bioql.db"
