"""`/v1/…`: who may ask, what is asked for, and that the same question twice is answered once."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable

from .errors import Json, StripeError
from .expand import expanded
from .forms import parse_form
from .ids import new_id
from .jobs import KEEP_ANSWERS_S, Jobs
from .keys import Key, Keys, answer_of_another_account
from .messages import Answer, Request, json_answer
from .params import read_params
from .registry import Registry
from .store import Store
from .work import ACCOUNT_VERSION, Work

VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
LONGEST_KEY = 255


class Api:
    """Answers one request after the other; each is one transaction."""

    def __init__(
        self, store: Store, registry: Registry, jobs: Jobs, new_work: Callable[[Request | None], Work], keys: Keys
    ) -> None:
        self._store, self._registry, self._jobs, self._new_work = store, registry, jobs, new_work
        self._keys = keys
        self.in_flight: set[str] = set()

    def answer(self, request: Request) -> Answer:
        """The answer to a request; errors are answers too."""
        request_id = new_id("req_")[:18]
        version = request.headers.get("stripe-version") or ACCOUNT_VERSION
        headers = {"Request-Id": request_id, "Stripe-Version": version}
        key = request.headers.get("idempotency-key")
        if key and request.method == "POST":
            headers["Idempotency-Key"] = key
        try:
            asking = self._check(request, version)
            if asking.account:
                found = answer_of_another_account(asking, request.method, request.path)
                return Answer(200, _text(found).encode(), headers=headers)
            self._jobs.run_due()
            status, body, more = self._carry_out(
                request, version, request_id, key if request.method == "POST" else None
            )
        except StripeError as error:
            status, body, more = error.status, _text({"error": error.body}), {"Stripe-Should-Retry": "false"}
        return Answer(status, body.encode(), headers=headers | more)

    def keep(self, request: Request, failure: Answer) -> Answer:
        """A failure of Stripe's own. Like any other answer it is what the same idempotency key gets from now on."""
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return failure
        fingerprint = _fingerprint(request, _raw_params(request))
        if saved := self._store.saved_answer(key, self._store.now() - KEEP_ANSWERS_S):
            status, body, more = _replayed(saved, fingerprint, key)
            return Answer(status, body.encode(), headers=dict(failure.headers) | more)
        with self._store.transaction():
            self._store.save_answer(key, fingerprint, failure.status, failure.body.decode(), new_id("req_")[:18])
        return failure

    def _check(self, request: Request, version: str) -> Key:
        asking = self._authenticate(request.headers.get("authorization", ""))
        self._keys.require_permission(asking, request.method, request.path)
        if not VERSION.fullmatch(version):
            raise StripeError(f"Invalid Stripe API version: {version[:40]}")
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.body and content_type != "application/x-www-form-urlencoded":
            raise StripeError("Invalid request (the content type of a POST must be application/x-www-form-urlencoded).")
        key = request.headers.get("idempotency-key", "")
        if len(key) > LONGEST_KEY:
            raise StripeError(f"Idempotency keys can be at most {LONGEST_KEY} characters.", kind="idempotency_error")
        if key in self.in_flight:
            raise StripeError(
                "There is another request in progress with this idempotency key.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        return asking

    def _authenticate(self, header: str) -> Key:
        scheme, _, given = header.partition(" ")
        key = given.strip() if scheme.lower() == "bearer" else _basic_user(given) if scheme.lower() == "basic" else ""
        if not key:
            message = "You did not provide an API key. Send it as 'Authorization: Bearer YOUR_SECRET_KEY'."
            raise StripeError(message, status=401)
        return self._keys.authenticate(key)

    def _carry_out(
        self, request: Request, version: str, request_id: str, key: str | None
    ) -> tuple[int, str, dict[str, str]]:
        route, ids = self._registry.find(request.method, request.path)
        raw = _raw_params(request)
        fingerprint = _fingerprint(request, raw)
        if key and (saved := self._store.saved_answer(key, self._store.now() - KEEP_ANSWERS_S)):
            return _replayed(saved, fingerprint, key)
        params = read_params(route.params, raw)
        work = self._new_work(request)
        work.params, work.path, work.url = params, ids, request.path
        work.request_id, work.idempotency_key, work.version = request_id, key, version
        if request.method == "GET":
            return 200, _text(expanded(work, route.handler(work), params.get("expand") or [])), {}
        with self._store.transaction():
            try:
                status, content = 200, expanded(work, route.handler(work), params.get("expand") or [])
            except StripeError as error:
                if not error.kept:
                    raise
                status, content = error.status, {"error": error.body}
            text = _text(content)
            if key:
                self._store.save_answer(key, fingerprint, status, text, request_id)
        return status, text, {}


def _replayed(saved: tuple[str, int, str, str], fingerprint: str, key: str) -> tuple[int, str, dict[str, str]]:
    made_for, status, body, request_id = saved
    if made_for != fingerprint:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return status, body, {"Idempotent-Replayed": "true", "Original-Request": request_id}


def _raw_params(request: Request) -> Json:
    try:
        body = request.body.decode()
    except UnicodeDecodeError as error:
        raise StripeError("Invalid request: the body is not UTF-8.") from error
    return parse_form("&".join(part for part in (request.query, body) if part))


def _fingerprint(request: Request, raw: Json) -> str:
    asked = json.dumps([request.method, request.path, raw], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _basic_user(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _text(content: Json) -> str:
    return json.dumps(content, separators=(",", ":"))


def refusal(status: int, message: str) -> Answer:
    """An error before anybody looked at the request itself."""
    return json_answer(status, {"error": StripeError(message, status=status).body})
