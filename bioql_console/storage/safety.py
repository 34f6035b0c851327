"""Breaches of the ledger's invariants: keeping them, and refusing to post while there is one."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, select, update

from bioql_console.domain.ledger import EntryKind, Fact, JournalEntry
from bioql_console.domain.safety import Breach, unsafe
from bioql_console.domain.verification import Difference, Mend
from bioql_console.storage.book_checks import entries_as_posted, users_as_posted, wrong_balances_of
from bioql_console.storage.prepared import Prepared
from bioql_console.storage.safety_tables import ledger_breaches

SHOWN = 50
FOUND = select(ledger_breaches).where(ledger_breaches.c.lifted_ms.is_(None)).order_by(ledger_breaches.c.id)
# Each transaction that writes asks it.
_ANY = Prepared(lambda _: select(ledger_breaches.c.id).where(ledger_breaches.c.lifted_ms.is_(None)).limit(1))
# A user's whole history is added up with each posting until it is so long; then with every second one, every third …,
# so that a posting costs the same whoever it is for. The sweep looks at everybody.
LOOKED_AT_EACH_TIME = 1_000


class Safety:
    """What is broken in these books."""

    def __init__(self, connection: Connection, now_ms: Callable[[], int]) -> None:
        self._connection = connection
        self._now_ms = now_ms

    def breaches(self, limit: int = SHOWN) -> list[Breach]:
        """What was found and not lifted, the first one first."""
        rows = self._connection.execute(FOUND.limit(limit))
        return [
            Breach(row.found_ms, Difference(row.what, row.cure, row.user_id, Mend(row.mend), row.entry_id))
            for row in rows
        ]

    def require_sound(self) -> None:
        """Go on only while nothing is broken.

        Raises:
            OperatorError: `ledger.unsafe`.
        """
        if _ANY.row(self._connection) and (found := self.breaches()):
            raise unsafe([each.difference for each in found])

    def record(self, differences: Sequence[Difference]) -> int:
        """Keep what was found and is not known yet; how many that were."""
        known = {each.difference.what for each in self.breaches()}
        new = [each for each in differences[:SHOWN] if each.what not in known]
        if new:
            values = [
                {
                    "found_ms": self._now_ms(),
                    "what": each.what,
                    "cure": each.cure,
                    "mend": each.mend.value,
                    "user_id": each.user_id,
                    "entry_id": each.entry_id,
                }
                for each in new
            ]
            self._connection.execute(ledger_breaches.insert(), values)
        return len(new)

    def lift(self, operator: str, keep: Collection[str] = ()) -> int:
        """Drop what was found not to be broken any more; how much that was.

        Args:
            keep: Sentences of what still is.
        """
        return self._connection.execute(
            update(ledger_breaches)
            .where(ledger_breaches.c.lifted_ms.is_(None), ledger_breaches.c.what.not_in(list(keep)[:SHOWN]))
            .values(lifted_ms=self._now_ms(), lifted_by=operator)
        ).rowcount


class PostingGuard:
    """Watches over what one transaction posts."""

    def __init__(self, connection: Connection, safety: Safety) -> None:
        self._connection = connection
        self._safety = safety
        self._sound = False
        self._entries: dict[int, int] = {}
        self._users: dict[int, int] = {}
        self._suspects: list[int] = []

    def before(self, entry: JournalEntry | Fact) -> None:
        """Nothing is posted to broken books but what takes an entry back.

        Raises:
            OperatorError: `ledger.unsafe`.
        """
        mends = entry.kind is EntryKind.REVERSAL and entry.reverses is not None
        if not self._sound and not mends:
            self._safety.require_sound()
            self._sound = True

    def posted(self, entry_id: int, entry: JournalEntry) -> None:
        """Note what is to be looked at before the transaction is committed."""
        self._entries[entry_id] = len(entry.postings)
        for user_id in {posting.user_id for posting in entry.postings if posting.user_id is not None}:
            self._users[user_id] = self._users.get(user_id, 0) + 1

    def broken(self) -> list[Difference]:
        """What of the users and entries that were touched is not as it must be; looks once."""
        entries, self._entries = self._entries, {}
        users, self._users = self._users, {}
        self._sound = False
        if not entries:
            return []
        broken = [
            *entries_as_posted(self._connection, entries),
            *users_as_posted(self._connection, users, LOOKED_AT_EACH_TIME),
        ]
        self._suspects = list(users) if broken else []
        return broken

    def broken_before(self) -> list[Difference]:
        """What of that is broken without this transaction, once it is taken back."""
        return wrong_balances_of(self._connection, self._suspects)
