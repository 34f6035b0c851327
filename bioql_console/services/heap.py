"""Keeping malloc from holding on to memory that nobody uses."""

import ctypes
import sys

# glibc's numbers of its parameters, from <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
HEAPS = 2
GIVEN_BACK_FROM = 256 * 1024
KEPT_AT_THE_TOP = 1024 * 1024


def keep_heap_small() -> None:
    """Two heaps for all threads, and large blocks go back to the system at once. Does nothing but on glibc.

    Left alone, glibc opens a heap for almost every thread, and the larger the blocks it has met, the larger those
    that it keeps. What a page of Stripe's list took for a moment then lies free in the heap of one thread while the
    next thread asks for new memory. Threads rarely wait for each other in it, since most of their time they hold
    Python's own lock.
    """
    if not sys.platform.startswith("linux") or not hasattr(malloc := ctypes.CDLL(None), "mallopt"):
        return
    malloc.mallopt(M_ARENA_MAX, HEAPS)
    malloc.mallopt(M_MMAP_THRESHOLD, GIVEN_BACK_FROM)
    malloc.mallopt(M_TRIM_THRESHOLD, KEPT_AT_THE_TOP)
