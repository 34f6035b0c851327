"""What the meter takes first and refuses later: found by its validation, told by a report for each window of time."""

import json
from decimal import Decimal

from ..errors import Json
from ..work import Work
from .thin_events import emit_thin, iso

WINDOW_S = 10
SAMPLES = 5
MOST_DIGITS = 15
REPORTED = "meter_errors_reported"
MESSAGES = {
    "archived_meter": "The meter is archived.",
    "meter_event_customer_not_found": "The customer does not exist.",
    "meter_event_dimension_count_too_high": "The meter event has too many dimensions.",
    "meter_event_invalid_value": "The value is not a number.",
    "meter_event_no_customer_defined": "The payload names no customer.",
    "meter_event_value_too_many_digits": f"The value has more than {MOST_DIGITS} digits.",
    "missing_dimension_payload_keys": "The payload lacks a dimension of the meter.",
    "no_meter": "No meter counts this event name.",
    "timestamp_in_future": "The timestamp is in the future.",
    "timestamp_too_far_in_past": "The timestamp is more than 35 days in the past.",
}
# Errors that are not about one meter.
WITHOUT_METER = ""


def options(work: Work) -> Json:
    """How validation goes: see `set_validation` and `force`."""
    usual: Json = {"asynchronously": False, "samples": SAMPLES, "named_by": "identifier", "forced": []}
    kept: Json = json.loads(work.store.setting("meter_validation") or "{}")
    return usual | kept


def _keep(work: Work, **changed: object) -> Json:
    now = options(work) | changed
    work.store.set_setting("meter_validation", json.dumps(now))
    return now


def set_validation(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/meter_validation`: what is not known of Stripe, both ways.

    `asynchronously`: what a request could be refused for at once is only reported later. `samples`: how many errors of
    a code a report names. `named_by`: "identifier" or "idempotency_key".
    """
    now = options(work) | asked
    if set(asked) - {"asynchronously", "samples", "named_by"}:
        raise ValueError("known are asynchronously, samples, named_by")
    if not isinstance(now["asynchronously"], bool) or type(now["samples"]) is not int or now["samples"] < 0:
        raise ValueError("asynchronously must be true or false, samples a number")
    if now["named_by"] not in ("identifier", "idempotency_key"):
        raise ValueError('named_by must be "identifier" or "idempotency_key"')
    return _keep(work, **asked)


def force(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/meter_errors`: the next `count` meter events are taken, and refused later with `code`; a `code`
    of null ends it."""
    code, count = asked.get("code"), asked.get("count", 1)
    if code is None:
        return _keep(work, forced=[])
    if code not in MESSAGES or type(count) is not int or count < 1:
        raise ValueError(f"code must be one of {', '.join(MESSAGES)}, count at least 1")
    return _keep(work, forced=[*options(work)["forced"], [code, count]])


def later(work: Work, customer: str, value: str) -> str | None:
    """The code that validation will find in a meter event which the request itself was not refused for."""
    forced = options(work)["forced"]
    if forced:
        code, left = forced[0]
        _keep(work, forced=[[code, left - 1], *forced[1:]] if left > 1 else forced[1:])
        return str(code)
    found = work.find("customer", customer)
    if found is None or found.get("deleted"):
        return "meter_event_customer_not_found"
    if len(Decimal(value).as_tuple().digits) > MOST_DIGITS:
        return "meter_event_value_too_many_digits"
    return None


def note(work: Work, meter: str, code: str, identifier: str) -> None:
    """Remember an error until the window's report."""
    named = work.idempotency_key if options(work)["named_by"] == "idempotency_key" else identifier
    about = WITHOUT_METER if code == "no_meter" else meter
    work.store.db.execute(
        "INSERT INTO meter_errors (meter, code, named, at) VALUES (?, ?, ?, ?)", (about, code, named, work.now)
    )
    work.schedule_once(work.now + WINDOW_S, REPORTED, about)


def report(work: Work, meter: str) -> None:
    """The window is over: one event about all errors of one meter in it."""
    rows = work.store.db.execute(
        "SELECT code, named, at FROM meter_errors WHERE meter = ? ORDER BY seq", (meter,)
    ).fetchall()
    if not rows:
        return
    work.store.db.execute("DELETE FROM meter_errors WHERE meter = ?", (meter,))
    by_code: dict[str, list[str]] = {}
    for code, named, _ in rows:
        by_code.setdefault(code, []).append(named)
    samples = options(work)["samples"]
    types = [
        {
            "code": code,
            "error_count": len(names),
            "sample_errors": [
                {"error_message": MESSAGES[code], "request": {"identifier": name}} for name in names[:samples]
            ],
        }
        for code, names in by_code.items()
    ]
    start = min(at for _, _, at in rows)
    data = {
        "developer_message_summary": f"There is {len(rows)} invalid event" + ("s" if len(rows) > 1 else ""),
        "reason": {"error_count": len(rows), "error_types": types},
        "validation_start": iso(start),
        "validation_end": iso(max(start + WINDOW_S, work.now)),
    }
    if meter == WITHOUT_METER:
        emit_thin(work, "v1.billing.meter.no_meter_found", data, None)
    else:
        related = {"id": meter, "type": "billing.meter", "url": f"/v1/billing/meters/{meter}"}
        emit_thin(work, "v1.billing.meter.error_report_triggered", data, related)


JOBS = {REPORTED: report}
