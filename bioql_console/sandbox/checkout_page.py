"""The page a Checkout Session's `url` leads to: one plain form that works without JavaScript."""

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qs, quote

from .checkout_html import STYLE, Shown, page
from .errors import Json, StripeError
from .jobs import Jobs
from .messages import Answer, Request, web_url
from .resources.cards import card_of
from .resources.checkout_payments import NeedsConfirmation, pay_by_bank_debit, pay_by_card, refuse_confirmation
from .store import Store
from .work import Work

PREFIX = "/c/pay/"
FIELDS = ("card_number", "exp", "cvc", "email", "bank_debit", "challenge")
LONGEST_FIELD = 200
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
SAFE_AUTHORITY = re.compile(r"[\w.:\[\]-]+")


class CheckoutPage:
    """Shows the page and takes its form. One request is one transaction."""

    def __init__(self, store: Store, jobs: Jobs, new_work: Callable[[Request | None], Work]) -> None:
        self._store, self._jobs, self._new_work = store, jobs, new_work

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith(PREFIX):
            return _html(404, page(Shown("Nothing here", "The sandbox has no page at this address.")))
        if request.method not in ("GET", "HEAD", "POST"):
            return _html(405, page(Shown("Not possible", "This page can only be looked at and sent.")))
        self._jobs.run_due()
        session = self._store.get("checkout.session", request.path.removeprefix(PREFIX))
        if session is None:
            return _html(404, page(Shown("Page not found", "There is no such Checkout Session.")))
        if session["status"] != "open":
            return _html(200 if request.method != "POST" else 409, page(self._closed(session)), session)
        if request.method != "POST":
            return _html(200, page(Shown.of(session, form={"email": self._email(session)})), session)
        return self._pay(request, session)

    def _pay(self, request: Request, session: Json) -> Answer:
        form = _form(request.body)
        with self._store.transaction():
            work = self._new_work(request)
            try:
                paid = _try(work, session, form)
            except NeedsConfirmation:
                return _html(200, page(Shown.of(session, form=form, asks=True)), session)
            except StripeError as error:
                return _html(402, page(Shown.of(session, form=form, problem=str(error))), session)
        return Answer(303, headers={"Location": _way_back(paid), "Cache-Control": "no-store"})

    def _email(self, session: Json) -> str:
        """What the customer need not type again."""
        customer = self._store.get("customer", session["customer"] or "") or {}
        return str(session["customer_email"] or customer.get("email") or "")

    def _closed(self, session: Json) -> Shown:
        """What a page says that nobody can pay on any more."""
        if session["status"] == "expired":
            return Shown("This page has expired", "Ask for a new link; nothing was charged.", session["cancel_url"])
        back = _way_back(session)
        if session["payment_status"] == "paid":
            return Shown("Already paid", "This payment was made. Nothing more is charged.", back)
        intent = self._store.get("payment_intent", session["payment_intent"] or "") or {}
        if intent.get("last_payment_error"):
            return Shown(
                "Payment failed", "The bank sent the debit back; nothing was charged. Ask for a new link.", back
            )
        return Shown("Payment on its way", "The bank debit is on its way; it takes a while to come in.", back)


def _try(work: Work, session: Json, form: dict[str, str]) -> Json:
    email = form["email"]
    if form["bank_debit"]:
        return pay_by_bank_debit(work, session, email, bounces=form["bank_debit"] == "bounces")
    card = card_of(form["card_number"])
    if form["challenge"] == "refused":
        raise refuse_confirmation(work, session, card, email)
    return pay_by_card(work, session, card, email, confirmed=form["challenge"] == "confirmed")


def _way_back(session: Json) -> str:
    """Where the customer goes after paying; headers hold ASCII only."""
    target = str(session["success_url"] or PREFIX + session["id"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    return quote(target, safe="%/?#[]@!$&'()*+,;=:~{}")


def _form(body: bytes) -> dict[str, str]:
    try:
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError:  # more fields than any browser would send of this form
        given = {}
    return {name: given.get(name, [""])[-1].strip()[:LONGEST_FIELD] for name in FIELDS}


def _html(status: int, content: str, session: Json | None = None) -> Answer:
    headers = {
        "Content-Security-Policy": f"{POLICY}; form-action {_targets(session)}",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(status, content.encode(), "text/html; charset=utf-8", headers)


def _targets(session: Json | None) -> str:
    """Where the form may lead. Browsers check its redirect against this too, so it names the way back."""
    parts = web_url(session["success_url"] or "") if session else None
    if parts is None or not parts.netloc.isascii() or not SAFE_AUTHORITY.fullmatch(parts.netloc):
        return "'self'"
    return f"'self' {parts.scheme}://{parts.netloc}"
