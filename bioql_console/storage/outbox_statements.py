"""What is asked of the outbox for each message: statements that are made once."""

from sqlalchemy import func, or_, select, update

from bioql_console.domain.outbox import MessageState
from bioql_console.storage.outbox_reading import WAITS
from bioql_console.storage.outbox_tables import outbox
from bioql_console.storage.prepared import Prepared, among, parameter
from bioql_console.storage.statements import insert

ADD = Prepared(
    lambda connection: insert(connection, outbox).inline().on_conflict_do_nothing(index_elements=["key"]),
    sets=(
        *("kind", "key", "identifier", "user_id", "stripe_customer_id"),
        *("value", "occurred_ms", "extra", "state", "sent_ms"),
    ),
)
DUE = Prepared(
    lambda connection: (
        select(outbox)
        .where(
            WAITS,
            or_(outbox.c.next_attempt_ms <= parameter("now"), outbox.c.next_attempt_ms > parameter("far")),
            or_(
                outbox.c.claimed_by == "",
                outbox.c.tried_ms <= parameter("lease"),
                outbox.c.tried_ms > parameter("skew"),
            ),
            among(connection, outbox.c.kind, "kinds"),
        )
        .order_by(outbox.c.next_attempt_ms, outbox.c.id)
        .limit(parameter("limit"))
        .with_for_update(skip_locked=True)
    )
)
CLAIM = Prepared(
    lambda connection: (
        update(outbox)
        .where(among(connection, outbox.c.id, "messages"))
        .values(
            claimed_by=parameter("claimant"),
            tried_ms=parameter("now"),
            first_tried_ms=func.coalesce(outbox.c.first_tried_ms, parameter("now")),
            attempts=outbox.c.attempts + 1,
        )
    )
)
SENT = Prepared(
    lambda connection: (
        update(outbox)
        .where(among(connection, outbox.c.id, "messages"), among(connection, outbox.c.identifier, "names"), WAITS)
        .values(state=MessageState.SENT.value, sent_ms=parameter("now"), error="", code="", claimed_by="")
    )
)
GIVE_BACK = Prepared(
    lambda _: (
        update(outbox)
        .where(outbox.c.id == parameter("message"), outbox.c.identifier == parameter("name"))
        .where(WAITS, outbox.c.attempts == parameter("begun"))
        .values(
            claimed_by="",
            attempts=parameter("before"),
            tried_ms=parameter("tried"),
            first_tried_ms=parameter("first"),
            error=func.coalesce(parameter("words"), outbox.c.error),
            next_attempt_ms=func.coalesce(parameter("until"), outbox.c.next_attempt_ms),
        )
    )
)
KNOWN_AS = Prepared(
    lambda _: select(outbox.c.key).where(
        or_(outbox.c.identifier == parameter("name"), outbox.c.key == parameter("name"))
    )
)
