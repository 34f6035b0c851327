"""What an operator chose: kept whole, refused with its name, never a place for secrets."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.settings import FILE, Settings, data_directory, environment_directory, load, save


def written(data_dir: Path, text: str | bytes) -> Path:
    path = data_dir / FILE
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(data_dir: Path) -> OperatorError:
    with pytest.raises(OperatorError) as refused:
        load(data_dir)
    assert str(data_dir / FILE) in refused.value.what
    assert refused.value.fix
    return refused.value


# --- kept -------------------------------------------------------------------------------------------------------------


def test_without_a_file_there_are_the_defaults(data_dir: Path) -> None:
    assert load(data_dir) == Settings()
    assert list(data_dir.iterdir()) == []


@given(
    settings=st.builds(
        Settings,
        environment=st.just("test"),
        dev_mode=st.just(False),
        port=st.integers(0, 65535),
        theme=st.sampled_from(["system", "light", "dark"]),
        host=st.text(max_size=20),
        test_publishable_key=st.sampled_from(["", "pk_test_abc"]),
        allowed_origins=st.lists(st.text(max_size=10)).map(tuple),
        external_command=st.lists(st.text(max_size=10)).map(tuple),
        external_folder=st.text(max_size=20),
        welcome_credit_micros=st.integers(0, 10**15),
    )
)
def test_what_is_saved_is_loaded(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("settings")
    save(settings, folder)
    assert load(folder) == settings
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_only_what_differs_is_written_for_its_owner_alone(data_dir: Path) -> None:
    save(Settings(port=6001, theme="dark"), data_dir)
    path = data_dir / FILE
    assert json.loads(path.read_text()) == {"port": 6001, "theme": "dark"}
    assert path.stat().st_mode & 0o777 == 0o600
    os.chmod(path, 0o644)
    save(Settings(port=6002), data_dir)
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_setting_is_described() -> None:
    source = Path(sys.modules[Settings.__module__].__file__ or "").read_text()
    for field in fields(Settings):
        after = source.partition(f"    {field.name}: ")[2].splitlines()[1]
        assert after.strip().startswith('"""'), field.name


# --- broken -----------------------------------------------------------------------------------------------------------

BROKEN = ["", "{", "{'port': 1}", '{"port": 1,}', b"\xff\xfe{}", b"\0\0\0\0", "[" * 100_000, "port = 5001"]


@pytest.mark.parametrize("content", BROKEN, ids=lambda value: repr(value[:12]))
def test_broken_file_is_said_and_left_as_it_is(data_dir: Path, content: str | bytes) -> None:
    path = written(data_dir, content)
    before = path.read_bytes()
    error = refusal(data_dir)
    assert error.code == "settings.unreadable"
    assert "delete it to start with the defaults" in error.fix
    assert path.read_bytes() == before


def test_folder_in_place_of_the_file_is_said(data_dir: Path) -> None:
    (data_dir / FILE).mkdir()
    assert refusal(data_dir).code == "settings.unreadable"


def test_setting_that_nobody_knows_is_named_and_kept(data_dir: Path) -> None:
    """A slip in a name must not look as if it had an effect; nor must a newer version's file lose what it holds."""
    path = written(data_dir, '{"port": 6001, "prot": 6002}')
    error = refusal(data_dir)
    assert error.code == "settings.unknown"
    assert error.what.endswith("prot.")
    assert json.loads(path.read_text()) == {"port": 6001, "prot": 6002}


WRONG: list[tuple[str, Any, str]] = [
    ("port", 65536, "0–65535"),
    ("port", -1, "0–65535"),
    ("port", "5001", "of type int"),
    ("port", 5001.0, "of type int"),
    ("port", True, "of type int"),
    ("port", None, "of type int"),
    ("dev_mode", 1, "of type bool"),
    ("environment", "production", "sandbox, test or live"),
    ("environment", "live", "off outside the Sandbox"),
    ("theme", "blue", "system, light or dark"),
    ("language", "fr", "system, en or es"),
    ("health_every_s", 4, "5–300 seconds"),
    ("payment_terms_days", 366, "0–365 days"),
    ("invoice_threshold_cents", 49, "at least 50 cents"),
    ("welcome_credit_micros", -1, "not negative"),
    ("requests_per_second", 0, "1–100,000"),
    ("wrong_keys_per_minute", 100_001, "1–100,000"),
    ("registrations_per_minute", -1, "1–100,000"),
    ("trusted_proxies", ["proxy.example"], "addresses like 10.0.0.5, 10.0.0.0/8"),
    ("trusted_proxies", ["10.0.0.1/8"], "addresses like 10.0.0.5, 10.0.0.0/8"),
    ("external_command", "run server", "a list of texts"),
    ("external_command", ["run", 7], "a list of texts"),
    ("test_publishable_key", "pk_live_abc", "empty or pk_test_…"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG, ids=lambda value: str(value)[:30])
def test_value_that_can_not_be_is_named(data_dir: Path, name: str, value: object, expected: str) -> None:
    written(data_dir, json.dumps({name: value}))
    error = refusal(data_dir)
    assert error.code == "settings.invalid"
    assert expected in error.what


@pytest.mark.parametrize("content", ["[]", "7", "null", '"text"'])
def test_file_that_is_no_object_is_said(data_dir: Path, content: str) -> None:
    written(data_dir, content)
    assert "one JSON object" in refusal(data_dir).what


# --- a database for each environment ---

BOOKS = "postgresql+psycopg://ada@db.example/books?sslmode=require"


@pytest.mark.parametrize(
    ("environment", "mine"), [("live", "live_database_url"), ("test", "test_database_url"), (None, "test_database_url")]
)
def test_one_database_for_all_becomes_that_of_the_environment_it_was_open_in(
    data_dir: Path, environment: str | None, mine: str
) -> None:
    named = {"environment": environment, "dev_mode": False} if environment else {}
    written(data_dir, json.dumps({**named, "database_url": BOOKS, "port": 6001}))
    found = load(data_dir)
    assert (getattr(found, mine), found.port) == (BOOKS, 6001)
    assert [found.test_database_url, found.live_database_url].count("") == 1
    save(found, data_dir)
    assert load(data_dir) == found


def test_test_and_live_never_name_the_same_database(data_dir: Path) -> None:
    """However one connects to it, and as whom."""
    same = "postgresql://ben@DB.example:5432/books"
    written(data_dir, json.dumps({"test_database_url": BOOKS, "live_database_url": same}))
    assert "live_database_url must be another database than test_database_url" in refusal(data_dir).what
    apart = Settings(test_database_url=BOOKS, live_database_url=same.replace("/books", "/live_books"))
    assert apart.team_database(Environment.SANDBOX) == ""
    assert apart.with_team_database(Environment.TEST, "").team_database(Environment.LIVE).endswith("/live_books")


# --- no secrets -------------------------------------------------------------------------------------------------------

SECRETS: list[tuple[str, Any]] = [
    ("external_command", ("env", "STRIPE_SECRET_KEY=sk_live_canary7", "server")),
    ("external_command", ("server", "--webhook-secret", "whsec_canary8")),
    ("test_publishable_key", "sk_test_canary7"),
    ("live_publishable_key", "rk_live_canary7"),
    ("dashboard_url", "https://bioql.example/?key=rk_test_canary7"),
    ("external_health_url", "http://127.0.0.1:5001/health?key=sk_test_canary7"),
    ("test_database_url", "postgresql://jane:canary7@db/bioql"),
    ("live_database_url", "postgresql://db/bioql?user=jane&password=canary7"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS, ids=lambda value: str(value)[:24])
def test_secrets_are_refused_by_name_and_not_by_value(data_dir: Path, name: str, value: object) -> None:
    """In this file they would lie on disk in plain text, and in a command they would show in every process list."""
    with pytest.raises(ValueError, match=name) as refused:
        replace(Settings(), **{name: value})  # type: ignore[arg-type]
    assert "canary" not in str(refused.value)
    written(data_dir, json.dumps({name: value}))
    error = refusal(data_dir)
    assert error.code == "settings.invalid"
    assert "canary" not in error.sentence()


# --- the disk ---------------------------------------------------------------------------------------------------------

NO_SPACE = """
import resource, signal, sys
from pathlib import Path
from bioql_console.domain.errors import OperatorError
from bioql_console.settings import Settings, save
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    save(Settings(port=6002, host="somewhere.example"), Path(sys.argv[1]))
except OperatorError as error:
    sys.stdout.write(f"{error.code}: {error.what} {error.fix}")
"""


@pytest.mark.fault(
    "Database",
    "the disk is full while settings are saved",
    "The old file stays whole, and the save is refused with the next step.",
    figure="0 bytes may be written, 0 settings lost",
)
@pytest.mark.skipif(sys.platform == "win32", reason="limits of this kind exist on Unix only")
def test_full_disk_leaves_the_old_file_whole(data_dir: Path) -> None:
    save(Settings(port=6001), data_dir)
    done = subprocess.run(
        [sys.executable, "-c", NO_SPACE, str(data_dir)], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.startswith("settings.unwritable: ")
    assert "space" in done.stdout
    assert load(data_dir) == Settings(port=6001)
    save(Settings(port=6003), data_dir)
    assert load(data_dir).port == 6003


def test_nobody_ever_reads_half_a_file(data_dir: Path) -> None:
    """Another process reads while this one saves: it gets the one or the other."""
    save(Settings(host="a" * 5000), data_dir)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for number in range(200):
        save(Settings(host="ab"[number % 2] * 5000), data_dir)
    says, _ = reader.communicate("\n", timeout=20)
    assert says.split() == ["0", "broken"]


READER = """
import select, sys
from pathlib import Path
from bioql_console.domain.errors import OperatorError
from bioql_console.settings import load
print("reading", flush=True)
broken = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        broken += len(set(load(Path(sys.argv[1])).host)) != 1
    except OperatorError:
        broken += 1
print(broken, "broken")
"""


def test_folders_are_private_and_apart(tmp_path: Path) -> None:
    folder = data_directory(tmp_path / "a/b")
    folders = [folder, *(environment_directory(folder, environment) for environment in Environment)]
    assert len(set(folders)) == 4
    assert all(path.stat().st_mode & 0o777 == 0o700 for path in folders)


def test_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError) as refused:
        data_directory(tmp_path / "file/data")
    with pytest.raises(OperatorError) as refused_too:
        environment_directory(tmp_path / "file", Environment.TEST)
    for error in (refused.value, refused_too.value):
        assert error.code == "settings.folder"
        assert "--data-dir" in error.fix


def test_default_folder_is_below_the_home_of_who_runs_it() -> None:
    assert data_directory().is_relative_to(Path(os.environ["HOME"]))
