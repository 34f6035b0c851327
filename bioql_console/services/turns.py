"""One call at a time per key."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class _Turn(Generic[R]):
    """The queue at one key. Gone once nobody is in it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.finished = 0
        self.asked: object = None
        self.results: list[R] = []


class Turns(Generic[K, R]):
    """Lets calls for the same key work one after another, and calls for different keys side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[K, _Turn[R]] = WeakValueDictionary()

    def take(self, key: K, work: Callable[[], R], asked: object = None) -> R:
        """The result of `work`, done when no other call for the key is at work.

        Args:
            asked: What is asked for. Calls that waited while the very same was done get its result instead of doing
                it again: a double click. None never shares.
        """
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            finished = turn.finished
        with turn.lock:
            if asked is not None and turn.finished != finished and turn.asked == asked:
                return turn.results[0]
            result = work()
            turn.asked, turn.results = asked, [result]
            turn.finished += 1
            return result
