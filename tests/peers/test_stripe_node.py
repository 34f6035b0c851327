"""stripe-node and we read each other's signatures; its client can't tell the sandbox from Stripe."""

import json
import subprocess
import time
from typing import Any

from bioql_console.sandbox.signatures import signature_header
from bioql_console.services.signature import sign, verify
from tests.peers.programs import HERE, Serve

SECRET, OTHER = "whsec_FakeForTests", "whsec_OfSomebodyElse"
BODIES = [
    json.dumps({"id": "evt_1", "object": "event", "name": name}, ensure_ascii=False)
    for name in ("Ada", "Zoë Ångström", "量子 ⚛️", "a line's\u2028end")
]
NOW_S = int(time.time())
NO_FIT = "StripeSignatureVerificationError"


def ask(node: str, *questions: dict[str, Any]) -> list[Any]:
    """What stripe-node answers to each."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(
        [node, str(HERE / "signatures.mjs")], input=lines, capture_output=True, text=True, timeout=30, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def signed_by_node(node: str, *, body: str = BODIES[0], secret: str = SECRET, at: int = NOW_S) -> str:
    (header,) = ask(node, {"do": "sign", "payload": body, "secret": secret, "timestamp": at})
    return str(header)


def test_we_verify_what_node_signed(node: str) -> None:
    headers = ask(node, *({"do": "sign", "payload": body, "secret": SECRET, "timestamp": NOW_S} for body in BODIES))
    for body, header in zip(BODIES, headers, strict=True):
        assert verify(body.encode(), header, [OTHER, SECRET], NOW_S * 1000).secret_index == 1
        assert not verify(body.encode() + b" ", header, [SECRET], NOW_S * 1000).ok
        assert not verify(body.encode(), header, [OTHER], NOW_S * 1000).ok


def test_node_verifies_what_we_and_the_sandbox_signed(node: str) -> None:
    questions = [
        {"do": "verify", "payload": body, "secret": SECRET, "header": header}
        for body in BODIES
        for header in (
            sign(body.encode(), SECRET, NOW_S * 1000),
            signature_header(SECRET, NOW_S, body.encode()),
            signature_header(OTHER, NOW_S, body.encode()),
        )
    ]
    assert ask(node, *questions) == ["evt_1", "evt_1", NO_FIT] * len(BODIES)


def test_while_a_secret_is_rolled_both_signatures_count(node: str) -> None:
    new = signed_by_node(node)
    old = signed_by_node(node, secret=OTHER).partition(",")[2]
    both, body = f"{new},{old}", BODIES[0]
    for secret in (SECRET, OTHER):
        assert verify(body.encode(), both, [secret], NOW_S * 1000).ok
    asked = {"do": "verify", "payload": body, "header": both}
    answers = ask(node, *(asked | {"secret": secret} for secret in (SECRET, OTHER, "whsec_ThirdOne")))
    assert answers == ["evt_1", "evt_1", NO_FIT]


def test_an_old_one_is_refused_by_both_and_a_future_one_by_us(node: str) -> None:
    now_s, body = int(time.time()), BODIES[1]
    old, future = (signed_by_node(node, body=body, at=now_s + shift) for shift in (-600, 3_600))
    asked = {"do": "verify", "payload": body, "secret": SECRET}
    assert ask(node, asked | {"header": old}, asked | {"header": future}) == [NO_FIT, "evt_1"]
    assert "too old" in verify(body.encode(), old, [SECRET], now_s * 1000).words
    assert "in the future" in verify(body.encode(), future, [SECRET], now_s * 1000).words


def test_its_client_makes_and_reads_what_stripe_would(node: str, server: Serve) -> None:
    asked = [node, str(HERE / "objects.mjs"), server.ready["stripe_base"], server.ready["stripe_secret_key"]]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == {
        "once": True,
        "listed": 1,
        "total": 700,
        "name": "Zoë of Node",
        "quantity": 2,
        "refusal": ["StripeCardError", "card_declined", "generic_decline", 402],
        "version": "2026-10-28.endive",
    }
