"""The command line under libfaketime: `python -m tests.faults.on_a_set_clock ADDRESS serve …`, ADDRESS for Stripe's.

libfaketime makes `time.sleep` fail with EINVAL as soon as it leaves the monotonic clock alone, as it must. So what
sleeps, which is stripe-python between two tries, waits here; the clock is the faked one for all.
"""

import sys
import threading
import time

from tests.live.console_at import main


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


if __name__ == "__main__":
    time.sleep = wait
    sys.exit(main())
