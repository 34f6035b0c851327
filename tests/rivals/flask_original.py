"""The endpoint as the original design has it: Flask, `construct_event`, and a commit for each request.

    python -m tests.rivals.flask_original DATABASE SECRET

Prints its port once it listens.
"""

import sqlite3
import sys
import threading

import stripe
from flask import Flask, request  # type: ignore[import-not-found, unused-ignore]
from werkzeug.serving import make_server  # type: ignore[import-not-found, unused-ignore]

TABLE = "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, body BLOB NOT NULL)"


def make_app(database: str, secret: str) -> Flask:
    """One connection for each thread, durable as the console's own."""
    app, kept = Flask("original"), threading.local()
    sqlite3.connect(database).executescript(f"PRAGMA journal_mode = WAL; {TABLE};")

    def connection() -> sqlite3.Connection:
        if not hasattr(kept, "connection"):
            kept.connection = sqlite3.connect(database, timeout=30)
            kept.connection.execute("PRAGMA synchronous = FULL")
        found: sqlite3.Connection = kept.connection
        return found

    @app.post("/webhooks/stripe")  # type: ignore[untyped-decorator, unused-ignore]
    def take() -> tuple[dict[str, object], int]:
        body = request.get_data()
        try:
            event = stripe.Webhook.construct_event(body, request.headers.get("Stripe-Signature", ""), secret)
        except (ValueError, stripe.SignatureVerificationError):
            return {"error": "Invalid"}, 400
        with connection() as transaction:
            transaction.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", (event.id, event.type, body))
        return {"received": True}, 200

    return app


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").disabled = True  # a line for each request would cost more than it answers
    server = make_server("127.0.0.1", 0, make_app(*sys.argv[1:3]), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
