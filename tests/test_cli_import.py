"""`bioql-console import`: the answer other programs read, beside a server and without one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.legacy_files import change_file, key_of, make_file, sample_content
from tests.waiting import wait_until

CONSOLE = (sys.executable, "-m", "bioql_console")
PROMISED = {"ok", "users", "usage_rows", "owed_micros", "credit_micros", "without_customer", "problems"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CONSOLE, *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def run_import(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    done = run("import", *arguments, "--json")
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def users_db(tmp_path: Path) -> Path:
    return make_file(tmp_path / "users.db", sample_content())


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A `serve` on an empty Sandbox."""
    ready = tmp_path / "ready.json"
    command = ("serve", "--env", "sandbox", "--port", "0", "--data-dir", str(data_dir), "--ready-file", str(ready))
    process = subprocess.Popen([*CONSOLE, *command], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait(20)


def test_preview_import_and_import_again(users_db: Path, data_dir: Path) -> None:
    before = users_db.read_bytes(), users_db.stat().st_mtime_ns
    code, preview = run_import(users_db, "--dry-run", "--data-dir", data_dir)
    assert code == 0
    assert set(preview) >= PROMISED
    sums = {"users": 3, "usage_rows": 5, "owed_micros": 250_100_001, "credit_micros": 7_500_000, "without_customer": 1}
    assert {name: preview[name] for name in sums} == sums
    assert (preview["ok"], preview["problems"], preview["written"]) == (True, [], False)
    assert list(data_dir.iterdir()) == [], "a preview writes nothing"

    code, first = run_import(users_db, "--data-dir", data_dir)
    assert (code, first["written"], first["added"]["users"]) == (0, True, 3)
    assert {name: first[name] for name in sums} == sums
    verified = json.loads(run("verify", "--data-dir", data_dir, "--json").stdout)
    assert (verified["ok"], verified["users"], verified["entries"]) == (True, 3, 8)
    assert (verified["owed_micros"], verified["credit_micros"]) == (250_100_001, 7_500_000)

    code, second = run_import(users_db, "--data-dir", data_dir)
    assert (code, second["written"]) == (0, False)
    assert {name: second[name] for name in sums} == sums
    assert json.loads(run("verify", "--data-dir", data_dir, "--json").stdout) == verified
    assert (users_db.read_bytes(), users_db.stat().st_mtime_ns) == before


def test_no_key_is_shown_or_stored(users_db: Path, data_dir: Path) -> None:
    change_file(users_db, f"UPDATE users SET name = '{'x' * 300}', tier = '{key_of(1)}', last_used = '{key_of(2)}'")
    for arguments in (["--dry-run"], ["--json"], []):
        done = run("import", users_db, "--data-dir", data_dir, *arguments)
        assert done.returncode == 0
        assert "fake_key" not in done.stdout + done.stderr
    left = [path for path in data_dir.rglob("*") if path.is_file() and b"bioql_fake_key" in path.read_bytes()]
    assert not left


def test_preview_beside_a_server_and_import_refused(server: dict[str, Any], users_db: Path, data_dir: Path) -> None:
    code, preview = run_import(users_db, "--dry-run", "--data-dir", data_dir)
    assert (code, preview["owed_micros"]) == (0, 250_100_001)
    code, refused = run_import(users_db, "--data-dir", data_dir)
    assert (code, refused["ok"]) == (1, False)
    assert refused["error"]["code"] == "instance.running"
    assert "serve" in refused["problems"][0]["what"]
    assert httpx.get(f"{server['url']}/stats", trust_env=False).json()["users"] == 0


def test_keys_work_at_the_server_afterwards(users_db: Path, data_dir: Path, request: pytest.FixtureRequest) -> None:
    assert run("import", users_db, "--data-dir", data_dir, "--env", "sandbox").returncode == 0
    server = request.getfixturevalue("server")
    headers = {"Authorization": f"Bearer {key_of(1)}"}
    with httpx.Client(base_url=server["url"], headers=headers, trust_env=False) as http:
        dashboard = http.get("/dashboard/invoices").json()
        assert dashboard["current_balance"] == 250.1
        assert http.get("/analytics/usage").json()["total_shots"] == 6_107


def test_another_database_and_environment(users_db: Path, data_dir: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.db'}"
    assert run("import", users_db, "--data-dir", data_dir, "--database", url, "--no-credit").returncode == 0
    assert json.loads(run("verify", "--database", url, "--json").stdout)["owed_micros"] == 260_100_001
    assert run("import", users_db, "--data-dir", data_dir, "--env", "live").returncode == 0
    assert (data_dir / "live" / "bioql.db").exists()
    assert not (data_dir / "sandbox" / "bioql.db").exists()


def test_people_are_told_what_was_wrong_and_what_to_do(users_db: Path, data_dir: Path) -> None:
    rows = ", ".join(f"({100 + number}, 50, 1.0)" for number in range(5))
    change_file(users_db, f"INSERT INTO usage_logs (id, user_id, cost) VALUES {rows}")
    done = run("import", users_db, "--data-dir", data_dir)
    assert done.returncode == 0
    assert "usage_logs: its user does not exist (5)" in done.stdout
    assert "100: There is no user 50; left out." in done.stdout
    assert "… and 2 more" in done.stdout
    assert "$250.100001" in done.stdout
    assert "→ Open the Users page" in done.stdout


def test_what_can_not_be_imported_is_exit_code_1(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database")
    for name, code in (("notes.txt", "import.source_damaged"), ("absent.db", "import.source_absent")):
        exit_code, found = run_import(tmp_path / name, "--data-dir", data_dir)
        assert (exit_code, found["ok"], found["error"]["code"]) == (1, False, code)
        done = run("import", tmp_path / name, "--data-dir", data_dir)
        assert done.returncode == 1
        assert f"[{code}]" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("users.db", "--env", "moon"), ("users.db", "--nonsense")])
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run("import", *arguments).returncode == 2


def test_progress_is_shown_on_a_terminal_only(users_db: Path, data_dir: Path) -> None:
    assert run("import", users_db, "--data-dir", data_dir, "--dry-run").stderr == ""
    here, there = os.openpty()
    command = [*CONSOLE, "import", str(users_db), "--data-dir", str(data_dir), "--dry-run"]
    with os.fdopen(here, "rb", buffering=0) as terminal:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=there, timeout=110, check=False)
        os.close(there)
        said = terminal.read(10_000)
    assert done.returncode == 0
    assert b"%  users" in said
