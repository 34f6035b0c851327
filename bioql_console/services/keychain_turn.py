"""One keychain call at a time for all consoles of this person.

GNOME Keyring (measured with 42.1) mixes up its own memory when several clients ask for the default keyring at once: in
three of a hundred bursts it answers with a path that never existed, says "locked" of an open keyring, or crashes. The
calls take milliseconds, so they take turns.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 1.0
_PAUSE_S = 0.002


def turn_file() -> Path:
    """The file that consoles of this person lock; gone at log-out where the desktop has a place for such files."""
    import tempfile  # the first frame has no need of it

    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(folder) / f"bioql-console-keychain-{_person()}.lock"


@contextmanager
def keychain_turn(patience_s: float = PATIENCE_S) -> Iterator[bool]:
    """Wait for the turn, at most `patience_s` seconds; then go on without it. Gives whether it is ours.

    Whoever has the turn may wait for a password at a prompt, and where no file can be locked there is none to take: a
    turn is a kindness to the keychain, never a reason not to ask it.
    """
    file = _opened()
    try:
        yield file is not None and _taken(file, time.monotonic() + patience_s)
    finally:
        if file is not None:
            os.close(file)  # gives the turn back


def _person() -> int:
    return os.getuid() if sys.platform != "win32" else 0


def _opened() -> int | None:
    if sys.platform == "win32":
        return None  # its keychain serves any number of callers
    with suppress(OSError):
        return os.open(turn_file(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return None


def _taken(file: int, until_s: float) -> bool:
    import fcntl

    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            threading.Event().wait(_PAUSE_S)  # goes on where the clock is set from outside; `sleep` does not
        except OSError:
            return False  # a file system without locks
