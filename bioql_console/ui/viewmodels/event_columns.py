"""How an inbox event looks in a table; shared by the Overview and the Webhooks page."""

from bioql_console.domain.webhooks import EventState, InboxEvent
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look

TONES = {
    EventState.RECEIVED: "info",
    EventState.APPLIED: "ok",
    EventState.IGNORED: "unknown",
    EventState.QUARANTINED: "bad",
}
WORDS = {
    EventState.RECEIVED: "waiting",
    EventState.APPLIED: "applied",
    EventState.IGNORED: "ignored",
    EventState.QUARANTINED: "needs attention",
}


def customer(event: InboxEvent) -> str:
    return event.user_name or ("unknown" if event.state is EventState.QUARANTINED else "")


def amount(event: InboxEvent) -> str:
    return "" if event.amount_micros is None else formats.dollars(event.amount_micros)


def took(event: InboxEvent) -> str:
    return "" if event.took_ms is None else formats.count(event.took_ms)


def effect(event: InboxEvent) -> str:
    """What applying it did, or why nothing was done."""
    if event.reason or event.state is not EventState.APPLIED:
        return event.reason
    if event.amount_micros is None:
        return "Noted."
    return f"{formats.dollars(abs(event.amount_micros))} {'counted' if event.amount_micros > 0 else 'taken back'}."


TIME = Column("Time", lambda event: formats.clock(event.received_ms), Look.MONO, width=82)
TYPE = Column("Event", lambda event: event.type, width=0)
OBJECT = Column("Object", lambda event: event.object_id, Look.MONO, width=190, optional=True)
CUSTOMER = Column("Customer", customer, width=130)
AMOUNT = Column("Amount", amount, Look.NUMBER, width=92)
STATE = Column("State", lambda event: WORDS[event.state], Look.PILL, tone=lambda event: TONES[event.state], width=122)
TOOK = Column(
    "ms",
    lambda event: "" if event.took_ms is None else formats.count(event.took_ms),
    Look.NUMBER,
    width=52,
    optional=True,
)
