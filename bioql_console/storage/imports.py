"""What was brought in from another database, and bringing in more: by the page, not by the row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select, text, update

from bioql_console.domain.imports import IMPORT_SOURCE, INVOICE_SOURCE, ImportRecord, Known
from bioql_console.domain.invoices import Invoice
from bioql_console.domain.ledger import PER_USER, Balance, EntryKind, JournalEntry
from bioql_console.domain.tickets import URGENCY, Ticket
from bioql_console.domain.users import NewUser
from bioql_console.storage.bulk import insert_rows, reserve_ids, wide_cache
from bioql_console.storage.import_tables import imported_users, imports
from bioql_console.storage.invoices import Invoices
from bioql_console.storage.tables import balances, invoices, journal_entries, postings, tickets, usage, users

USER_COLUMNS = (
    *("id", "name", "email", "plan", "key_sha256", "key_hint", "stripe_customer_id", "stripe_subscription_id"),
    *("created_ms", "last_used_ms"),
)
USAGE_COLUMNS = (
    *("usage_id", "user_id", "backend", "shots", "micros_per_shot", "cost_micros", "succeeded", "at_ms"),
    "opening",
)
ENTRY_COLUMNS = (
    *("id", "kind", "source_type", "source_id", "effective_ms", "recorded_ms", "operator", "memo", "currency"),
)


class Imports:
    """Reads and writes for importing another database. The caller sees to it that nothing is brought in twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep registrations and other imports waiting until this transaction ends; SQLite's lock does so already."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("LOCK TABLE imports, users IN SHARE ROW EXCLUSIVE MODE"))
        with wide_cache(self._connection):
            yield

    def lineages(self) -> dict[int, set[str]]:
        """Every lineage brought in so far, with the SHA-256 of each of its versions."""
        found: dict[int, set[str]] = {}
        for lineage, sha256 in self._connection.execute(select(imports.c.lineage, imports.c.sha256)):
            found.setdefault(lineage, set()).add(sha256)
        return found

    def sample(self, lineage: int, at_most: int) -> dict[int, str]:
        """The first users of a lineage: their id in the file, and their address here."""
        found = self._connection.execute(
            select(imported_users.c.legacy_id, users.c.email)
            .join(users, users.c.id == imported_users.c.user_id)
            .where(imported_users.c.lineage == lineage)
            .order_by(imported_users.c.legacy_id)
            .limit(at_most)
        )
        return dict(found.all())

    def highest_user_id(self) -> int:
        return int(self._connection.execute(select(func.coalesce(func.max(users.c.id), 0))).scalar_one())

    def known(self, lineage: int, legacy_ids: Sequence[int], newcomers: Sequence[NewUser]) -> Known:
        """What there is already of a page of users."""
        pairs = select(imported_users.c.legacy_id, imported_users.c.user_id)
        pairs = pairs.where(imported_users.c.lineage == lineage, imported_users.c.legacy_id.in_(legacy_ids))
        by_legacy = dict(self._connection.execute(pairs).all())
        found: dict[int, tuple[str, str, str]] = {}
        wanted: tuple[tuple[Column[Any], Iterable[object]], ...] = (
            (users.c.email, {each.email for each in newcomers}),
            (users.c.key_sha256, {each.key.sha256 for each in newcomers}),
            (users.c.stripe_customer_id, {each.stripe_customer_id for each in newcomers} - {None}),
            (users.c.id, {*by_legacy.values(), *legacy_ids}),
        )
        for column, values in wanted:
            rows = self._connection.execute(
                select(users.c.id, users.c.email, users.c.key_sha256, users.c.stripe_customer_id).where(
                    column.in_(list(values))
                )
            )
            found |= {user_id: (email, key, customer or "") for user_id, email, key, customer in rows}
        return Known(
            by_legacy,
            {email: user_id for user_id, (email, _, _) in found.items()},
            {key: user_id for user_id, (_, key, _) in found.items()},
            {customer: user_id for user_id, (_, _, customer) in found.items() if customer},
            frozenset(found),
            found,
        )

    def posted(self, user_ids: Sequence[int]) -> list[tuple[int, str, str, int]]:
        """What earlier imports posted about these users: user, source type and id, how much more is owed by it."""
        source = (journal_entries.c.source_type, journal_entries.c.source_id)
        rows = self._connection.execute(
            select(postings.c.user_id, *source, func.sum(postings.c.micros))
            .join(postings, postings.c.entry_id == journal_entries.c.id)
            .where(
                postings.c.user_id.in_(user_ids),
                postings.c.account.in_([account.value for account in PER_USER]),
                journal_entries.c.kind == EntryKind.OPENING.value,
                journal_entries.c.source_type.in_((IMPORT_SOURCE, INVOICE_SOURCE)),
            )
            .group_by(postings.c.user_id, *source)
        )
        return [(user_id, kind, source_id, int(micros)) for user_id, kind, source_id, micros in rows]

    def balances(self, user_ids: Sequence[int]) -> dict[int, Balance]:
        """In a write transaction they are locked until its end."""
        statement = select(balances).where(balances.c.user_id.in_(user_ids))
        if self._connection.get_execution_options().get("bioql_write"):
            statement = statement.with_for_update()
        rows = self._connection.execute(statement)
        return {row.user_id: Balance(row.receivable_micros, row.credit_micros, row.version) for row in rows}

    def usage_costs(self, usage_ids: Sequence[str]) -> dict[str, int]:
        """Which of these runs are here, with their cost in micros."""
        rows = self._connection.execute(
            select(usage.c.usage_id, usage.c.cost_micros).where(usage.c.usage_id.in_(usage_ids))
        )
        return dict(rows.all())

    def invoices_here(self, invoice_ids: Sequence[str]) -> dict[str, tuple[int, str, str]]:
        """Which of these invoices are here: user, reason and state of each."""
        columns = (invoices.c.invoice_id, invoices.c.user_id, invoices.c.reason, invoices.c.state)
        rows = self._connection.execute(select(*columns).where(invoices.c.invoice_id.in_(invoice_ids)))
        return {invoice_id: (user_id, reason, state) for invoice_id, user_id, reason, state in rows}

    def tickets_here(self, ticket_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Which of these tickets are here: user and state of each."""
        columns = (tickets.c.ticket_id, tickets.c.user_id, tickets.c.state)
        rows = self._connection.execute(select(*columns).where(tickets.c.ticket_id.in_(ticket_ids)))
        return {ticket_id: (user_id, state) for ticket_id, user_id, state in rows}

    def add_users(self, newcomers: Iterable[tuple[int, NewUser, int | None]]) -> None:
        """Users with the ids they are to have, and when they were last seen."""
        rows = [
            (
                *(user_id, new.name, new.email, new.plan.value, new.key.sha256, new.key.hint),
                *(new.stripe_customer_id, new.stripe_subscription_id, new.created_ms, last_used_ms),
            )
            for user_id, new, last_used_ms in newcomers
        ]
        insert_rows(self._connection, users, USER_COLUMNS, rows)
        if self._connection.dialect.name == "postgresql":
            # Ids were given, not drawn: the next one drawn must come after them.
            self._connection.execute(
                text("SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users))")
            )

    def add_origins(self, lineage: int, origins: Mapping[int, int]) -> None:
        """Remember which user of a file is which one here."""
        rows = [(lineage, legacy_id, user_id) for legacy_id, user_id in origins.items()]
        insert_rows(self._connection, imported_users, ("lineage", "legacy_id", "user_id"), rows)

    def add_usage(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Runs, each with the values of USAGE_COLUMNS."""
        insert_rows(self._connection, usage, USAGE_COLUMNS, rows)

    def add_entries(self, entries: Sequence[JournalEntry], recorded_ms: int) -> None:
        """Post entries. Balances are stored apart, once a user."""
        ids = list(reserve_ids(self._connection, journal_entries, len(entries)))
        insert_rows(
            self._connection,
            journal_entries,
            ENTRY_COLUMNS,
            [
                (
                    *(entry_id, entry.kind._value_, entry.source_type, entry.source_id, entry.effective_ms),
                    *(recorded_ms, entry.operator, entry.memo, entry.currency),
                )
                for entry_id, entry in zip(ids, entries, strict=True)
            ],
        )
        insert_rows(
            self._connection,
            postings,
            ("entry_id", "account", "user_id", "micros", "effective_ms"),
            [
                (entry_id, posting.account._value_, posting.user_id, posting.micros, entry.effective_ms)
                for entry_id, entry in zip(ids, entries, strict=True)
                for posting in entry.postings
            ],
        )

    def add_balances(self, opened: Mapping[int, Balance]) -> None:
        """What new users owe after the entries that were added."""
        rows = [
            (user_id, balance.receivable_micros, balance.credit_micros, balance.version)
            for user_id, balance in opened.items()
        ]
        insert_rows(self._connection, balances, ("user_id", "receivable_micros", "credit_micros", "version"), rows)

    def set_balances(self, moved: Mapping[int, Balance]) -> None:
        """The same for users who were here before."""
        for user_id, balance in moved.items():
            self._connection.execute(
                update(balances)
                .where(balances.c.user_id == user_id)
                .values(
                    receivable_micros=balance.receivable_micros,
                    credit_micros=balance.credit_micros,
                    version=balance.version,
                )
            )

    def add_invoices(self, found: Sequence[Invoice]) -> None:
        names, values = _columns(Invoice, invoices)
        insert_rows(self._connection, invoices, ("invoice_id", *names), [(each.id, *values(each)) for each in found])

    def follow_invoice(self, heard: Invoice) -> None:
        """Note that an invoice went on since an earlier import."""
        Invoices(self._connection).follow(heard)

    def add_tickets(self, found: Sequence[Ticket]) -> None:
        names, values = _columns(Ticket, tickets)
        rows = [(each.id, URGENCY[each.priority], *values(each)) for each in found]
        insert_rows(self._connection, tickets, ("ticket_id", "urgency", *names), rows)

    def record(self, made: ImportRecord) -> None:
        """Remember that an import was made."""
        self._connection.execute(
            imports.insert().values({each.name: getattr(made, each.name) for each in fields(ImportRecord)})
        )
        if self._connection.dialect.name == "postgresql":
            # Until it has counted millions of new rows, it plans as if there were none: minutes instead of moments.
            self._connection.execute(
                text("ANALYZE users, balances, journal_entries, postings, usage, invoices, tickets")
            )


def _columns(kind: type[Any], table: Table) -> tuple[list[str], Callable[[Any], list[object]]]:
    """The fields of a domain class that are columns of the same name, and how to read them from an object."""
    names = [each.name for each in fields(kind) if each.name in table.c and each.name != "id"]
    read = attrgetter(*names)
    return names, lambda record: [each._value_ if isinstance(each, Enum) else each for each in read(record)]
