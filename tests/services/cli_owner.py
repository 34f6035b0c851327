"""A process that keeps a session of Stripe's command line running until it is killed.

Arguments: the program, the address of Stripe, an own folder. Prints the session's process number.
"""

import sys
import threading
import time
from pathlib import Path

from bioql_console.domain.environment import Environment
from bioql_console.services.changes import Changes
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.stripe_cli import SessionSecret, StripeCli


def main(program: str, base: str, folder: Path) -> None:
    changes, started = Changes(), threading.Event()
    listener = ListenerStatus(changes)
    listener.turn_on("http://127.0.0.1:9/webhooks/stripe")
    changes.subscribe(lambda change: started.set() if change.topic == "cli" else None)
    cli = StripeCli(
        Environment.SANDBOX,
        folder / "home",
        folder / "cli.log",
        configured=lambda: program,
        secret_key=lambda: "sk_test_canary4242",
        stripe_base=base,
        listener=listener,
        secret=SessionSecret(),
        changes=changes,
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    cli.start()
    while cli.pid is None:
        started.wait(0.01)
    sys.stdout.write(f"{cli.pid}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
