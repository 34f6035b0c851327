"""What other programs of the same user can't see of this one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")

HARDENED = """
import ctypes, json, os, resource, sys
from bioql_console.services.hardening import harden
harden()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
open(sys.argv[1], "w").close()
print(json.dumps([dumpable, resource.getrlimit(resource.RLIMIT_CORE), oct(os.stat(sys.argv[1]).st_mode & 0o777)]))
"""

# One and the same user; what changes between the two looks is `harden()` alone.
WATCHED = """
import ctypes, os, resource, sys
from bioql_console.services.hardening import harden
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print("open", flush=True)
sys.stdin.readline()
harden()
print("closed", flush=True)
sys.stdin.readline()
"""
LOOK = """
import os, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for name in ("environ", "mem", "maps"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").close()
        print(name, "readable")
    except PermissionError:
        print(name, "denied")
"""


def test_no_core_dumps_and_private_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HARDENED, str(tmp_path / "made")], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == '[0, [0, 0], "0o600"]'


COMMAND = """
import ctypes, json, resource, sys
from bioql_console.cli import run_command
sys.argv = ["bioql-console", *sys.argv[1:]]
run_command()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
sys.stderr.write(json.dumps([dumpable, resource.getrlimit(resource.RLIMIT_CORE)]))
"""


def test_every_command_keeps_its_memory_to_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "doctor", "--json", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stderr.endswith("[0, [0, 0]]")


@pytest.mark.fault(
    "Secrets",
    "the console crashes",
    "No memory is written to the disk.",
    figure="1 abort, 0 files",
)
def test_crash_leaves_no_memory_on_disk(tmp_path: Path) -> None:
    crash = "import os; from bioql_console.services.hardening import harden; harden(); os.abort()"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", crash], cwd=tmp_path, env=environment, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == -6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "Secrets",
    "another program of the same user reads the console's memory",
    "The system refuses it.",
    figure="3 of 3 looks refused: environment, memory, maps",
)
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can act as another user")
def test_other_programs_of_the_same_user_can_not_look_inside() -> None:
    watched = subprocess.Popen(
        [sys.executable, "-c", WATCHED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def look() -> list[str]:
        command = [sys.executable, "-c", LOOK, str(watched.pid)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()

    assert watched.stdin is not None
    assert watched.stdout is not None
    with watched, watched.stdin as told, watched.stdout as says:
        assert says.readline() == "open\n"
        assert "environ readable" in look(), "The look proves nothing."
        told.write("\n")
        told.flush()
        assert says.readline() == "closed\n"
        assert look() == ["environ denied", "mem denied", "maps denied"]
        told.write("\n")


def test_data_folder_files_made_before_hardening_stay_as_they_are(tmp_path: Path) -> None:
    """`harden` is about what comes; the doctor reports what is."""
    open_file = tmp_path / "old"
    open_file.touch()
    open_file.chmod(0o644)
    subprocess.run([sys.executable, "-c", HARDENED, str(tmp_path / "new")], capture_output=True, check=True, timeout=30)
    assert stat.S_IMODE(open_file.stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
