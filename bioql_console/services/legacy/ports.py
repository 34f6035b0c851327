"""What an import needs from storage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from bioql_console.domain.imports import ImportRecord, Known
from bioql_console.domain.invoices import Invoice
from bioql_console.domain.ledger import Balance, JournalEntry
from bioql_console.domain.tickets import Ticket
from bioql_console.domain.users import NewUser

LegacyRow = tuple[Any, ...]
"""Owner (a user's id, or None), row id, then columns with whatever stands in them."""


class LegacySource(Protocol):
    """An open users.db."""

    name: str
    sha256: str

    def has(self, table: str, column: str) -> bool: ...
    def missing(self) -> list[str]: ...
    def count_rows(self) -> int: ...
    def rows(self, table: str) -> Iterator[LegacyRow]: ...
    def highest_id(self, at_most: int) -> int: ...
    def repeated_ids(self) -> list[int]: ...
    def repeated(self, table: str, column: str) -> dict[str, int | str]: ...
    def addresses(self, ids: Sequence[int]) -> dict[int, str]: ...


class OpenLegacy(Protocol):
    """Opens a users.db; OperatorError `import.*` when it can't."""

    def __call__(self, path: Path) -> AbstractContextManager[LegacySource]: ...


class ImportSink(Protocol):
    """Where an import puts what it made."""

    def add_users(self, newcomers: Iterable[tuple[int, NewUser, int | None]]) -> None: ...
    def add_origins(self, lineage: int, origins: Mapping[int, int]) -> None: ...
    def add_usage(self, rows: Sequence[tuple[object, ...]]) -> None: ...
    def add_entries(self, entries: Sequence[JournalEntry], recorded_ms: int) -> None: ...
    def add_balances(self, opened: Mapping[int, Balance]) -> None: ...
    def set_balances(self, moved: Mapping[int, Balance]) -> None: ...
    def add_invoices(self, found: Sequence[Invoice]) -> None: ...
    def follow_invoice(self, heard: Invoice) -> None: ...
    def add_tickets(self, found: Sequence[Ticket]) -> None: ...
    def record(self, made: ImportRecord) -> None: ...


class Imports(ImportSink, Protocol):
    """What was brought in, and bringing in more."""

    def alone(self) -> AbstractContextManager[None]: ...
    def lineages(self) -> dict[int, set[str]]: ...
    def sample(self, lineage: int, at_most: int) -> dict[int, str]: ...
    def highest_user_id(self) -> int: ...
    def known(self, lineage: int, legacy_ids: Sequence[int], newcomers: Sequence[NewUser]) -> Known: ...
    def posted(self, user_ids: Sequence[int]) -> list[tuple[int, str, str, int]]: ...
    def balances(self, user_ids: Sequence[int]) -> dict[int, Balance]: ...
    def usage_costs(self, usage_ids: Sequence[str]) -> dict[str, int]: ...
    def invoices_here(self, invoice_ids: Sequence[str]) -> dict[str, tuple[int, str, str]]: ...
    def tickets_here(self, ticket_ids: Sequence[str]) -> dict[str, tuple[int, str]]: ...


class Swallow:
    """The sink of a preview: nothing is written."""

    def add_users(self, newcomers: Iterable[tuple[int, NewUser, int | None]]) -> None:
        pass

    def add_origins(self, lineage: int, origins: Mapping[int, int]) -> None:
        pass

    def add_usage(self, rows: Sequence[tuple[object, ...]]) -> None:
        pass

    def add_entries(self, entries: Sequence[JournalEntry], recorded_ms: int) -> None:
        pass

    def add_balances(self, opened: Mapping[int, Balance]) -> None:
        pass

    def set_balances(self, moved: Mapping[int, Balance]) -> None:
        pass

    def add_invoices(self, found: Sequence[Invoice]) -> None:
        pass

    def follow_invoice(self, heard: Invoice) -> None:
        pass

    def add_tickets(self, found: Sequence[Ticket]) -> None:
        pass

    def record(self, made: ImportRecord) -> None:
        pass
