"""Stripe for the soak: the sandbox in a process of its own, which says where it is and then does as it is told.

Prints its address, secret key and signing secret as JSON. A line on its input is where webhooks go; its end ends it.
"""

import json
import sys
from pathlib import Path

from bioql_console.embedded import bound_url
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.delivery import RetryPolicy
from bioql_console.server.host import Host, Served, bind

# Stripe does not wait for one answer before it sends the next event.
AT_ONCE = 16


def main() -> None:
    sandbox = Sandbox(Path(sys.argv[1]), retries=RetryPolicy(at_once=AT_ONCE))
    listening = bind("127.0.0.1", 0)
    sandbox.set_base_url(bound_url(listening))
    host = Host([Served(sandbox.app, listening)])
    host.start()
    found = {"url": bound_url(listening), "key": sandbox.secret_key, "webhook_secret": sandbox.webhook_secret}
    print(json.dumps(found), flush=True)
    for line in sys.stdin:
        sandbox.set_webhook_url(line.strip() or None)
        print(json.dumps({"webhook_url": line.strip()}), flush=True)
    host.stop()
    sandbox.close()


if __name__ == "__main__":
    main()
