"""What stands in for Stripe in Live: a sandbox over loopback, whose objects are live ones. It writes down what came."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from bioql_console.sandbox.work import public
from tests.money.world import InProcess


class LiveStandin:
    """Answers as the sandbox would, were its objects live.

    Args:
        livemode: What its objects say of themselves.

    Attributes:
        left: Every request that came over the wire: method and path.
        bodies: The forms of those that were not GET.
    """

    def __init__(self, inner: InProcess, secret_key: str, *, livemode: bool = True) -> None:
        self._inner, self._livemode = inner, livemode
        self.left: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        standin, one_by_one = self, Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65_537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                standin.left.append((self.command, self.path))
                if self.command != "GET":
                    standin.bodies.append(content.decode())
                headers = {**self.headers, "authorization": f"Bearer {secret_key}"}
                with one_by_one:
                    body, status, _ = inner.request(self.command, self.path, headers, content)
                answer = json.dumps(standin._as(json.loads(body))).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def events(self) -> list[str]:
        """Bodies of all events there are, oldest first."""
        kept = self._inner.sandbox._store.select("event")
        return [json.dumps(self._as(public(event))) for event in sorted(kept, key=lambda event: event["created"])]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What came and was not GET."""
        return [each for each in self.left if each[0] != "GET"]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _as(self, content: Any) -> Any:
        if isinstance(content, dict):
            return {name: self._livemode if name == "livemode" else self._as(each) for name, each in content.items()}
        return [self._as(each) for each in content] if isinstance(content, list) else content
