"""What no run could repeat by itself comes from one seed here: identifiers, dice, threads, and what o'clock it is."""

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL, Engine

from bioql_console.domain import users
from bioql_console.sandbox import ids, store
from bioql_console.services import event_search
from bioql_console.storage import sqlite_engine

# 1 January 2026. Each sandbox moves on from here by its own clock.
BEGINS_S = 1_767_225_600


class Chance:
    """The only dice of a run."""

    def __init__(self) -> None:
        self.dice = random.Random()

    def begin(self, seed: str) -> None:
        """What follows depends on `seed` alone, not on what was drawn before."""
        self.dice.seed(seed)
        random.seed(self.dice.getrandbits(64))

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.dice.getrandbits(128), version=4)

    def _token(self, size: int) -> str:
        return self.dice.randbytes(size).hex()

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """While this lasts, the product draws its names and dice here and starts no threads."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ids, "secrets", SimpleNamespace(choice=self.dice.choice))
            patch.setattr(users, "secrets", SimpleNamespace(token_urlsafe=self._token))
            patch.setattr(uuid, "uuid4", self._uuid)
            patch.setattr(store, "time", SimpleNamespace(time=lambda: BEGINS_S))
            patch.setattr(event_search, "ThreadPoolExecutor", OneAfterTheOther)
            patch.setattr(sqlite_engine, "make_engine", _engine)
            yield


_make_engine = sqlite_engine.make_engine
_first: list[Engine] = []


def _engine(url: URL, require_file: Callable[..., None], **chosen: bool) -> Engine:
    """An engine that need not compile again what another one compiled: processes begin all the time here."""
    made = _make_engine(url, require_file, **chosen)
    if not _first:
        _first.append(made)
    made.dialect, made._compiled_cache = _first[0].dialect, _first[0]._compiled_cache
    return made


class OneAfterTheOther:
    """An executor whose work is done by whoever asks for it, when the result is asked for."""

    def __init__(self, *_args: object, **_named: object) -> None: ...

    def __enter__(self) -> "OneAfterTheOther":
        return self

    def __exit__(self, *_raised: object) -> None: ...

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(work, items)
