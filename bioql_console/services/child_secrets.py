"""The secrets that a BioQL server is started with: exactly the variables it reads, and nothing else."""

from collections.abc import Callable, Sequence

from bioql_console.domain.environment import Environment
from bioql_console.services.credentials import require_secret


def server_environment(
    environment: Environment, secret_key: Callable[[], str | None], webhook_secrets: Callable[[], Sequence[str]]
) -> dict[str, str]:
    """Environment variables for the child alone.

    Raises:
        OperatorError: `credentials.missing` when one of them is not there; a server without it is the incident again.
    """
    webhook_secret = next(iter(webhook_secrets()), None)
    return {
        "STRIPE_SECRET_KEY": require_secret(secret_key(), "secret key", environment),
        "STRIPE_WEBHOOK_SECRET": require_secret(webhook_secret, "webhook signing secret", environment),
    }
