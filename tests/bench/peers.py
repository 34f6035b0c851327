"""Other people's programs that we are measured beside: installed when somebody measures, never for anything else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# The Debian package of each program; most are called alike.
PACKAGES: Mapping[str, str] = {
    "vorta": "vorta",
    "onionshare": "onionshare",
    "electrum": "electrum",
    "sqlitebrowser": "sqlitebrowser",
    "Xvfb": "xvfb",
    "xauth": "xauth",
    "wrk": "wrk",
    "sqlite3": "sqlite3",
}
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")


def missing(*programs: str) -> str:
    """Have the programs here; the answer is empty, or says which can't be had and what would install them."""
    absent = [program for program in programs if not shutil.which(program)]
    if absent and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], env=environment, check=False, **quiet)  # type: ignore[call-overload]
        packages = [PACKAGES[program] for program in absent]
        subprocess.run([*INSTALL, *packages], env=environment, check=False, **quiet)  # type: ignore[call-overload]
        absent = [program for program in programs if not shutil.which(program)]
    if not absent:
        return ""
    packages = [PACKAGES[program] for program in absent]
    verb = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {verb} not here: sudo {' '.join(INSTALL[:4])} {' '.join(packages)}"


def libraries(*names: str) -> Path:
    """The folder with libraries of others, for PYTHONPATH: beside ours, and never a part of what we run on."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bioql-console-bench" / "libraries"
    absent = [name for name in names if not (folder / name).exists()]
    if absent:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *absent]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def version(program: str) -> str:
    """The package's version; empty where it is not installed as one."""
    if not shutil.which("dpkg-query"):
        return ""
    command = ["dpkg-query", "-W", "-f", "${Version}", PACKAGES[program]]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
