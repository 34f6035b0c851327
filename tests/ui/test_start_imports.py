"""What stands between the start and the first frame: nothing that the first frame does not need."""

import os
import re
import subprocess
import sys
from pathlib import Path

LATER = {
    "alembic",
    "asyncio",
    "httpx",
    "keyring",
    "psycopg",
    "qasync",
    "requests",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "starlette",
    "stripe",
    "typer",
    "uvicorn",
}


def test_window_paints_before_anything_heavy_is_imported(data_dir: Path) -> None:
    mode = {"BIOQL_CONSOLE_EXIT_AFTER_PAINT": "1", "BIOQL_CONSOLE_PRINT_MODULES": "1", "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-m", "bioql_console", "gui", "--data-dir", str(data_dir)],
        env=os.environ | mode,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^first-paint \d+$", done.stdout, re.MULTILINE), done.stdout
    imported = set(re.findall(r"[\w.]+", done.stdout))
    assert "PySide6.QtWidgets" in imported, "The names of the imported modules were not printed."
    assert not imported & LATER, "Import these after the first frame."
