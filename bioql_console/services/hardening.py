"""Keeping this process's memory and files to ourselves."""

import ctypes
import os
import sys

PR_SET_DUMPABLE = 4


def harden() -> None:
    """No core dumps, no reading of our memory by other programs of the same user, files private from the start.

    Root and the kernel can still read everything; nothing can be promised against them.
    """
    os.umask(0o077)
    if not sys.platform.startswith("linux"):
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
