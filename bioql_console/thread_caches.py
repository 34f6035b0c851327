"""What glibc can only be told before a program begins: to keep no freed blocks aside for each thread.

It keeps up to seven of each of 64 sizes a thread, which nobody else may use and which hold the pages around them. In a
process of thirty threads that grows for hours (decision 22).
"""

import os
import sys
from contextlib import suppress

VARIABLE, NONE_KEPT = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"
# Holds the process that has begun anew, and what the variable was before. From a Python with rights of its own the
# loader takes the other one away, and it would begin anew for ever.
BEGUN = "BIOQL_CONSOLE_BEGUN"


def begin_without() -> None:
    """Begin this program anew, told so, in the same process.

    The second time, what was said to ourselves is taken back, so that our children are not told. Nothing happens
    without glibc, or where it can't be done.
    """
    if not _is_glibc() or not sys.executable:
        return
    process, _, before = os.environ.pop(BEGUN, "").partition(" ")
    if process == str(os.getpid()):
        _put_back(before)
        _keep_name()
        return
    before = os.environ.get(VARIABLE, "")
    os.environ[BEGUN] = f"{os.getpid()} {before}"
    os.environ[VARIABLE] = f"{before}:{NONE_KEPT}".lstrip(":")
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except OSError:  # forbidden here, or this Python has been replaced
        del os.environ[BEGUN]
        _put_back(before)


def _put_back(before: str) -> None:
    os.environ.pop(VARIABLE, None)
    if before:
        os.environ[VARIABLE] = before


def _keep_name() -> None:
    """Linux calls a script by its name and what it begins by Python's; who looks for us knows the first."""
    name = os.path.basename(sys.argv[0])
    if name == "bioql-console":
        with suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)


def _is_glibc() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):  # another library
        return False
