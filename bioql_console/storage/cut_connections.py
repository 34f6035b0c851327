"""What the log says when a server cuts connections: one sentence, and nothing of how drivers tidy up after it."""

import logging
import time

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

log = logging.getLogger(__name__)

# A server that goes down cuts many at once.
TELL_EVERY_S = 60.0
POOL = "sqlalchemy.pool.impl.QueuePool"


class _Tidying(logging.Filter):
    """Leaves out what is said of a connection that is lost already: the statement that met it has raised."""

    def filter(self, record: logging.LogRecord) -> bool:
        import psycopg

        if record.name == "psycopg":
            return not record.getMessage().startswith("error ignored")
        found = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not isinstance(found, psycopg.OperationalError | psycopg.InterfaceError)


_TIDYING = _Tidying()


def tell_of_cuts(engine: Engine, words: str) -> None:
    """Let the log tell of connections of this engine that break while something is under way.

    A write that broke is told by whoever writes, with what became of it.

    Args:
        words: Kind and place of the database.
    """
    for name in ("psycopg", POOL):
        logging.getLogger(name).addFilter(_TIDYING)  # the same one is not added twice
    told_at: float | None = None

    def met(context: ExceptionContext) -> None:
        nonlocal told_at
        connection = context.connection
        if not context.is_disconnect or connection is None or connection.get_execution_options().get("bioql_write"):
            return
        now = time.monotonic()
        if told_at is None or now - told_at > TELL_EVERY_S:
            told_at = now
            log.warning(
                "A connection to %s broke while it read; nothing was changed. If this comes again, check the database "
                "server and the network.",
                words,
            )

    event.listen(engine, "handle_error", met)
