"""Where secrets are kept: one value for each name and environment."""

import re
from dataclasses import dataclass
from typing import Protocol

from bioql_console.domain.environment import Environment

SECRET_KEY_NAME = "stripe_secret_key"
PREVIOUS_SECRET_KEY_NAME = "stripe_secret_key_previous"
WEBHOOK_SECRET_NAME = "webhook_secret"
PREVIOUS_WEBHOOK_SECRET_NAME = "webhook_secret_previous"
# What is replaced, and where the old one is kept meanwhile.
PREVIOUS_OF = {SECRET_KEY_NAME: PREVIOUS_SECRET_KEY_NAME, WEBHOOK_SECRET_NAME: PREVIOUS_WEBHOOK_SECRET_NAME}
ALL_NAMES = (*PREVIOUS_OF, *PREVIOUS_OF.values())

_WITH_END = re.compile(r"(\S+) until=(\d{1,16})")


@dataclass(frozen=True, slots=True, repr=False)
class RetiringSecret:
    """A secret that was replaced. Its end lies in the same entry, so that a crash can't part the two.

    Args:
        until_ms: When it is removed; None for an entry of an earlier version, which stays until it is replaced.
    """

    value: str
    until_ms: int | None

    @classmethod
    def read(cls, entry: str) -> "RetiringSecret":
        found = _WITH_END.fullmatch(entry)
        return cls(found[1], int(found[2])) if found else cls(entry, None)

    def entry(self) -> str:
        return self.value if self.until_ms is None else f"{self.value} until={self.until_ms}"

    def over(self, now_ms: int) -> bool:
        return self.until_ms is not None and now_ms >= self.until_ms


class SecretStore(Protocol):
    """May block and raise OperatorError. Names and environments are no secrets, values are."""

    def get(self, environment: Environment, name: str) -> str | None: ...
    def put(self, environment: Environment, name: str, value: str) -> None: ...
    def forget(self, environment: Environment, name: str) -> None: ...


class MemorySecrets:
    """Secrets for this run only. Its repr shows names, never values."""

    def __init__(self) -> None:
        self._values: dict[tuple[Environment, str], str] = {}

    def get(self, environment: Environment, name: str) -> str | None:
        return self._values.get((environment, name))

    def put(self, environment: Environment, name: str, value: str) -> None:
        self._values[environment, name] = value

    def forget(self, environment: Environment, name: str) -> None:
        self._values.pop((environment, name), None)

    def __repr__(self) -> str:
        return f"MemorySecrets({sorted(f'{env.value}/{name}' for env, name in self._values)})"
