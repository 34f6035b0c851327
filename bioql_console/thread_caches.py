"""What glibc can only be told before a program begins: to keep no freed blocks aside for each thread.

It keeps up to seven of each of 64 sizes a thread, which nobody else may use and which hold the pages around them. In a
process of thirty threads that grows for hours (decision 22).
"""

import os
import sys

VARIABLE, NONE_KEPT = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"


def begin_without() -> None:
    """Begin this program anew, told so, in the same process; the second time, or without glibc, do nothing."""
    if not sys.platform.startswith("linux") or not _is_glibc():
        return
    told = [each for each in os.environ.get(VARIABLE, "").split(":") if each]
    if NONE_KEPT in told:
        _leave(told)
        return
    os.environ[VARIABLE] = ":".join((*told, NONE_KEPT))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):  # another library
        return False


def _leave(told: list[str]) -> None:
    """Our own children are told nothing of it."""
    told.remove(NONE_KEPT)
    if told:
        os.environ[VARIABLE] = ":".join(told)
    else:
        del os.environ[VARIABLE]
