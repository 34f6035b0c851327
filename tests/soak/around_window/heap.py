"""What malloc and SQLite say of this process, as glibc tells it."""

import _sqlite3
import ctypes

MIB = 1 << 20
FIGURES = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


class MallInfo(ctypes.Structure):
    """glibc's `mallinfo2`: the heaps of all threads together, in bytes."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in FIGURES)


# Looked up once: each look-up would leave something behind of its own.
_ask_malloc = ctypes.CDLL(None).mallinfo2
_ask_malloc.restype = MallInfo
_ask_sqlite = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
_ask_sqlite.restype = ctypes.c_int64


def heap_used() -> int:
    """Bytes that Qt, SQLite and others asked of malloc and have not given back."""
    found = _ask_malloc()
    return int(found.uordblks + found.hblkhd)


def heap() -> dict[str, float]:
    """That, what malloc keeps for the next time, and SQLite's part."""
    return {
        "heap_used_mib": heap_used() / MIB,
        "heap_free_mib": _ask_malloc().fordblks / MIB,
        "sqlite_mib": _ask_sqlite() / MIB,
    }
