"""A bug on a background thread: told like any other, while the thread goes on."""

import threading
import traceback

MOST_TOLD = 200
_told: set[str] = set()


def note_bug(error: BaseException) -> None:
    """Tell of a bug as if nobody had caught it. One that comes again and again is told once."""
    place = f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
    if place in _told:
        return
    if len(_told) < MOST_TOLD:
        _told.add(place)
    found = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(found))
