"""The command line with a stand-in in place of Stripe: `python -m tests.live.console_at ADDRESS serve …`."""

import functools
import os
import sys
from typing import Any

from bioql_console import cli
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import Limits


def main() -> int:
    address = sys.argv.pop(1)
    assert address.startswith("http://127.0.0.1:")
    patience = os.environ.get("BIOQL_TESTS_READ_S")
    made = StripeGateway.__init__

    @functools.wraps(made)
    def at_the_standin(self: StripeGateway, key: str, environment: Any, base: str | None = None, **more: Any) -> None:
        if patience:
            more["limits"] = Limits(read_s=float(patience))
        made(self, key, environment, base or address, **more)

    StripeGateway.__init__ = at_the_standin  # type: ignore[method-assign, assignment]
    return cli.run_command()


if __name__ == "__main__":
    sys.exit(main())
