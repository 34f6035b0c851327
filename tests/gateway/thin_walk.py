"""The walk through events that Stripe delivers without their content."""

from bioql_console.domain.meter import EVENT_NAME
from tests.gateway.lab import Lab
from tests.gateway.walks import metered, person

REPORTED = "v1.billing.meter.error_report_triggered"
NO_METER = "v1.billing.meter.no_meter_found"


def thin_events(lab: Lab) -> None:
    """Two meter events are taken and refused later: one by its meter, one because none counts it."""
    customer, _ = person(lab), metered(lab)
    for number, code in enumerate(("meter_event_invalid_value", "no_meter")):
        lab.control("meter_errors", code=code)
        lab.call("send_meter_event", f"use-{number}", EVENT_NAME, customer, 7, lab.now_ms(), {})
    lab.advance(60)
    found = lab.call("list_thin_events", 0, [REPORTED, NO_METER])
    assert {each.type for each in found} == {REPORTED, NO_METER}
    for each in found:
        assert lab.call("retrieve_thin_event", each.id) == each
