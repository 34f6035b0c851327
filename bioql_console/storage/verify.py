"""Recomputing everything from the postings: all at once, or in steps that hold nobody up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from bioql_console.domain.verification import Difference, Place, Step, Verification
from bioql_console.storage import book_checks as books
from bioql_console.storage import paper_checks as papers
from bioql_console.storage.tables import activity, balances, inbox, journal_entries, postings, usage, users

Check = Callable[[Connection, books.Span | None], list[Difference]]


@dataclass(frozen=True, slots=True)
class Walk:
    """Checks of one kind of rows, which are walked through by their ids."""

    ids: Any
    checks: tuple[Check, ...]


WALKS = (
    Walk(journal_entries.c.id, (books.unbalanced_entries, books.lonely_entries, books.payments_posted_twice)),
    Walk(postings.c.id, (books.misdated_postings, books.postings_without_entry, books.wrongly_named_postings)),
    Walk(users.c.id, (books.missing_balances,)),
    Walk(balances.c.user_id, (books.wrong_balances, books.debt_and_credit)),
    Walk(usage.c.id, (papers.usage_without_entry, papers.usage_of_another)),
    Walk(inbox.c.sequence, (papers.payments_not_posted, papers.more_posted_than_paid)),
    Walk(activity.c.id, (papers.broken_chain,)),
)


class Verifier:
    """The ledger's invariants. Never changes anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self) -> Verification:
        """Check everything."""
        everywhere = (check for walk in WALKS for check in walk.checks)
        differences = [found for check in everywhere for found in check(self._connection, None)]
        differences += self.beyond_steps()
        return Verification(
            users=self._scalar(select(func.count()).select_from(users)),
            entries=self._scalar(select(func.count()).select_from(journal_entries)),
            owed_micros=self._scalar(select(func.coalesce(func.sum(balances.c.receivable_micros), 0))),
            credit_micros=-self._scalar(select(func.coalesce(func.sum(balances.c.credit_micros), 0))),
            differences=tuple(differences),
        )

    def step(self, place: Place, rows: int) -> Step:
        """Check so many rows from a place on, and say where to go on."""
        walk = WALKS[place.walk]
        first = self._connection.execute(select(func.min(walk.ids)).where(walk.ids > place.after)).scalar()
        if first is None:
            last_walk = place.walk + 1 == len(WALKS)
            return Step((), None if last_walk else Place(place.walk + 1, 0))
        span = books.Span(first, first + rows - 1)
        found = tuple(difference for check in walk.checks for difference in check(self._connection, span))
        return Step(found, Place(place.walk, span.last))

    def beyond_steps(self) -> list[Difference]:
        """What can only be looked at as a whole."""
        return [*books.sources_posted_twice(self._connection), *papers.file_damage(self._connection)]

    def percent(self, place: Place) -> int:
        """How much of all rows lies before a place, roughly."""
        highest = self._connection.execute(select(func.max(WALKS[place.walk].ids))).scalar() or 1
        return (100 * place.walk + min(99, 100 * place.after // highest)) // len(WALKS)

    def _scalar(self, statement: Any) -> int:
        return int(self._connection.execute(statement).scalar_one())
