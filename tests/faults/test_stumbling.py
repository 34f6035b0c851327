"""A mistake of the console's own, met on one event: the others go on, and somebody is told."""

import json
import threading
from typing import Any

import pytest

from bioql_console.services import bugs, event_applier
from bioql_console.services.event_decisions import decide
from bioql_console.storage.inbox import Inbox
from tests.server.test_webhooks import event
from tests.sites import Site
from tests.waiting import wait_until


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the bug dialog or the log would show; each once."""
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda found: heard.append(str(found.exc_value)))
    monkeypatch.setattr(bugs, "_told", set())
    return heard


@pytest.mark.fault(
    "Events",
    "the console stumbles over one event, by a mistake of its own",
    "That event is in quarantine and can be replayed, the bug is reported, and all others are applied.",
    figure="1 of 2 put aside, 1 applied",
)
def test_an_event_we_stumble_over_keeps_no_other_waiting(
    site: Site, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(received: Any, body: Any, work: Any) -> Any:
        if received.id == "evt_bad":
            work.activity.record("system", "half of it", "")
            raise ZeroDivisionError("stumbled")
        return decide(received, body, work)

    monkeypatch.setattr(event_applier, "decide", stumbles)
    assert site.deliver(event(site, id="evt_bad")).status_code == 200
    assert site.deliver(event(site, id="evt_good")).status_code == 200
    site.settled()
    states = {each.id: (each.state.value, each.reason) for each in site.events()}
    assert states["evt_bad"] == ("quarantined", event_applier.STUMBLED)
    assert states["evt_good"][0] != "quarantined"
    assert told == ["stumbled"]
    site.books_balance()

    monkeypatch.setattr(event_applier, "decide", decide)
    site.console.replay.again("evt_bad", "ada", "it was mended")
    wait_until(lambda: {each.id: each.state.value for each in site.events()}["evt_bad"] != "quarantined")


@pytest.mark.fault(
    "Events",
    "the console stumbles while it stores events, by a mistake of its own",
    "Only that event is answered with 503, so that it comes again; those beside it are stored and acknowledged.",
    figure="4 in one commit: 3 stored, 1 answered 503",
)
def test_an_event_that_cannot_be_stored_keeps_no_other_out(
    site: Site, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Inbox.add

    def stumbles(self: Inbox, events: Any) -> None:
        if any(each.id == "evt_bad" for each in events):
            raise ZeroDivisionError("stumbled")
        really(self, events)

    monkeypatch.setattr(Inbox, "add", stumbles)
    answers: dict[str, int] = {}

    def deliver(name: str) -> None:
        answers[name] = site.deliver(event(site, id=name)).status_code

    with site.console.store.write():  # so that they all wait for one commit
        threads = [threading.Thread(target=deliver, args=(name,)) for name in ("evt_1", "evt_bad", "evt_2", "evt_3")]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {"evt_1": 200, "evt_2": 200, "evt_3": 200, "evt_bad": 503}
    assert {each.id for each in site.events()} == {"evt_1", "evt_2", "evt_3"}
    assert set(told) == {"stumbled"}


@pytest.mark.fault(
    "Events",
    "a signed event whose id or type holds half a letter or a zero byte",
    "It is refused with 400, and the next event is stored.",
    figure="4 events, 0 answers of 500",
)
@pytest.mark.parametrize("name", ["id", "type"])
@pytest.mark.parametrize("letter", ["\ud800", "\x00"])
def test_half_a_letter_is_refused(site: Site, name: str, letter: str) -> None:
    odd = json.dumps(json.loads(event(site)) | {name: f"evt_{letter}"}).encode()
    assert site.deliver(odd).status_code == 400
    assert site.deliver(event(site)).status_code == 200
