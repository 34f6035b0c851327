"""A stand-in for the original BioQL server, as careless as it was: reads its secrets once, when it starts.

Usage: standin_server.py PORT [deaf] [helper] [chatty]
    deaf: does not end when it is asked to.
    helper: a child process of its own does the listening.
    chatty: prints its secrets, and more than a pipe holds.
"""

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY, WEBHOOK_SECRET = os.environ.get("STRIPE_SECRET_KEY", ""), os.environ.get("STRIPE_WEBHOOK_SECRET", "")
PORT, WORDS = int(sys.argv[1]), set(sys.argv[2:])


class BioQL(BaseHTTPRequestHandler):
    """Answers `/health` as the original does, and nothing else."""

    def do_GET(self) -> None:
        health = {
            "status": "healthy",
            "stripe_enabled": bool(KEY),
            "stripe_webhooks_enabled": bool(WEBHOOK_SECRET),
            "version": "3.0.0-stripe",
        }
        body = json.dumps(health if self.path == "/health" else {"error": "Not found"}).encode()
        self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """One request, one line less."""


def report() -> str:
    """What the original says of itself when it starts."""
    lines = ["Stripe Integration:", f"  Enabled: {bool(KEY)}", "  Invoice Threshold: $3000"]
    lines += [f"  Webhooks: {bool(WEBHOOK_SECRET)}"]
    lines += ["Stripe integration enabled", "Stripe meter and pricing configured"] if KEY else []
    lines += ["Stripe webhook handler enabled"] if WEBHOOK_SECRET else []
    return "\n".join(lines) + "\n"


def main() -> None:
    """Serve until it is told to end."""
    if "deaf" in WORDS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "helper" in WORDS:
        subprocess.run([sys.executable, __file__, str(PORT), *(WORDS - {"helper"})], check=True)
        return
    server = ThreadingHTTPServer(("127.0.0.1", PORT), BioQL)
    if "chatty" in WORDS:
        sys.stdout.write(f"using key {KEY} and {WEBHOOK_SECRET}\n" + "so much to say\n" * 10_000)
    sys.stdout.write(report())
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
