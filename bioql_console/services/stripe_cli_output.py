"""What Stripe's command line says while it listens, and why it ended."""

import re
from dataclasses import dataclass

SECRET = re.compile(r"webhook signing secret is (whsec_[A-Za-z0-9]+)")
ANSWERED = re.compile(r"<--\s+\[(\d{3})\]")
# It tells that its connection is gone, and back, in its debug lines only. Those hold whole events: none is kept.
DEBUG = "level=debug"
DISCONNECTED = re.compile(r'msg="(?:Disconnected from|Resetting the connection|Failed to connect)|[Rr]econnecting')
CONNECTED = 'msg="Connected!"'
UNANSWERED = "Failed to POST"
REFUSED_KEY, NOT_PERMITTED = "status=401", "status=403"
NETWORK = re.compile(r"dial tcp|no such host|connection re(?:fused|set)|network is unreachable|[Tt]imeout|i/o|EOF")
LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """Why it ended, and the next step.

    Args:
        final: Starting it again would change nothing.
    """

    what: str
    fix: str
    final: bool = False


def ending(exit_code: int | None, last_words: list[str]) -> Ending:
    """Why a session ended.

    Args:
        exit_code: Negative when it was ended by a signal.
        last_words: Its last lines, redacted, oldest first.
    """
    said = "\n".join(last_words)
    if exit_code is not None and exit_code < 0:
        return Ending("It was killed.", "Start it again.")
    if REFUSED_KEY in said:
        return Ending("Stripe does not accept the key.", "Enter a current key in Settings › Credentials.", final=True)
    if NOT_PERMITTED in said:
        return Ending(
            "The restricted key may not open a session.",
            "Give the key the Stripe CLI permission (Write) on Stripe's API keys page.",
            final=True,
        )
    if "unknown flag" in said:
        return Ending("This version of it is too old.", "Update it, then start it again.", final=True)
    if "sessions open" in said:
        return Ending("Too many sessions are open at Stripe.", "End the others, then start it again.")
    if NETWORK.search(said):
        return Ending("Stripe can't be reached.", "Check the network, then start it again.")
    return Ending(f"It ended by itself. {_quote(last_words)}", "Start it again.")


def _quote(last_words: list[str]) -> str:
    last = next((line.strip() for line in reversed(last_words) if line.strip()), "")
    return f"Its last line: {last[:LONGEST_QUOTE]}" if last else "It said nothing."
