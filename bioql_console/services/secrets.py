"""Where secrets are kept: one value for each name and environment."""

from typing import Protocol

from bioql_console.domain.environment import Environment

SECRET_KEY_NAME = "stripe_secret_key"
WEBHOOK_SECRET_NAME = "webhook_secret"
PREVIOUS_WEBHOOK_SECRET_NAME = "webhook_secret_previous"


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
