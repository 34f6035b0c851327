"""A stand-in for the original BioQL server: reads its two secrets from its environment, once, when it starts."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STRIPE = bool(os.environ.get("STRIPE_SECRET_KEY"))
WEBHOOKS = bool(os.environ.get("STRIPE_WEBHOOK_SECRET"))


class Health(BaseHTTPRequestHandler):
    """Answers /health as the original does."""

    def do_GET(self) -> None:
        body = json.dumps(
            {
                "status": "healthy",
                "version": "2.1.0-standin",
                "database": "connected",
                "stripe_enabled": STRIPE,
                "stripe_webhooks_enabled": WEBHOOKS,
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health)
    # The original printed its key's beginning; whoever shows this output must take secrets out.
    sys.stdout.write(f"Stripe Integration:\n  Enabled: {STRIPE}\n  key {os.environ.get('STRIPE_SECRET_KEY', 'none')}\n")
    sys.stdout.flush()
    server.serve_forever()
