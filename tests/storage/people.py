"""Users and facts to fill a ledger with, and a look past our own code into its tables."""

import itertools
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import text

from bioql_console.domain.ledger import (
    Fact,
    adjustment_fact,
    payment_fact,
    refund_fact,
    usage_fact,
    welcome_credit_fact,
)
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.storage.database import Database

NOW = 1_795_000_000_000
DAY = 86_400_000

_numbers = itertools.count(1)


def person(name: str = "Ada", **values: Any) -> NewUser:
    """A user like no other so far."""
    number = next(_numbers)
    plain: dict[str, Any] = {
        "created_ms": NOW,
        "email": f"p{number}@uni.example",
        "key": ApiKey.of(f"bioql_of_person_number_{number:06d}"),
    }
    return NewUser(name=name, **{**plain, **values})


def add_people(database: Database, *people: NewUser) -> list[int]:
    """The ids of the stored users."""
    with database.write() as work:
        stored = [work.users.add(new) for new in people]
        work.commit()
    return [user.id for user in stored if user is not None]


def rows(database: Database, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """What a plain SELECT answers."""
    with database._engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def tamper(database: Database, *statements: str) -> None:
    """Change rows as somebody with a database tool would: no trigger, no constraint holds them back."""
    engine = database._engine
    with engine.connect().execution_options(bioql_write=True) as connection:
        if engine.dialect.name == "sqlite":
            raw: Any = connection.connection.dbapi_connection
            raw.executescript(
                "PRAGMA query_only = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"
            )
            for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                raw.execute(f'DROP TRIGGER "{trigger}"')
        else:
            connection.execute(text("SET session_replication_role = replica"))
            for name in ("owed_not_negative", "credit_not_positive", "debt_or_credit"):
                connection.execute(text(f"ALTER TABLE balances DROP CONSTRAINT IF EXISTS ck_balances_{name}"))
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()
    engine.dispose()


@st.composite
def facts(draw: st.DrawFn, users: int) -> Fact:
    """Any fact about one of so many users (0, 1, …); sources repeat now and then, as deliveries do."""
    user, source = draw(st.integers(0, users - 1)), f"s{draw(st.integers(1, 25))}"
    micros, at_ms = draw(st.integers(1, 10**12)), NOW - draw(st.integers(0, 200)) * DAY
    kind = draw(st.sampled_from(("usage", "payment", "refund", "adjustment", "welcome")))
    match kind:
        case "usage":
            return usage_fact(source, user, micros, at_ms, "")
        case "payment":
            return payment_fact(source, user, micros, at_ms, "")
        case "refund":
            return refund_fact(source, user, micros, at_ms, "")
        case "adjustment":
            return adjustment_fact(source, user, draw(st.sampled_from((micros, -micros))), at_ms, "why", "ada")
        case _:
            return welcome_credit_fact(user, micros, at_ms)
