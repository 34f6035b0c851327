"""malloc does not keep what nobody uses: a heap for each thread, and large blocks for the next time."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")

# Threads that are all alive at once, each with something of its own on a heap; then one large block after another.
PROGRAM = """
import ctypes, json, os, sys, tempfile, threading
from bioql_console.services.heap import keep_heap_small

malloc = ctypes.CDLL(None)
malloc.malloc.restype, malloc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
malloc.free.argtypes = [ctypes.c_void_p]
malloc.fopen.restype = ctypes.c_void_p
malloc.malloc_info.argtypes, malloc.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
if "small" in sys.argv:
    keep_heap_small()

def heaps_and_large_blocks():
    with tempfile.NamedTemporaryFile() as told:
        out = malloc.fopen(told.name.encode(), b"w")
        malloc.malloc_info(0, out)
        malloc.fclose(out)
        text = told.read().decode()
    mapped = text.rsplit('<total type="mmap" count="', 1)[1]
    return text.count("<heap nr="), int(mapped.split('"')[0])

all_here, ended = threading.Barrier(9), threading.Event()

def work():
    block = malloc.malloc(4096)
    all_here.wait()
    ended.wait()
    malloc.free(block)

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
all_here.wait()
heaps, _ = heaps_and_large_blocks()
ended.set()
for thread in threads:
    thread.join()
malloc.free(malloc.malloc(8 << 20))
_, before = heaps_and_large_blocks()
block = malloc.malloc(4 << 20)
_, after = heaps_and_large_blocks()
print(json.dumps([heaps, after - before]))
"""


def heaps_and_mapped(*arguments: str) -> list[int]:
    """How many heaps nine threads use, and how many of one large block went past them, after a larger one was freed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return list(json.loads(done.stdout))


def test_two_heaps_for_all_threads_and_large_blocks_go_back() -> None:
    heaps, mapped = heaps_and_mapped("small")
    assert heaps <= 2
    assert mapped == 1


def test_left_alone_malloc_would_keep_both() -> None:
    heaps, mapped = heaps_and_mapped()
    assert heaps > 2
    assert mapped == 0
