"""The Activity page: who did what and why, and whether trail and books are whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.activity import Activity
from bioql_console.domain.paging import ActivityQuery, Cursor
from bioql_console.services.csv_export import write_csv
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

EXPORT_PAGE = 1_000
HEADER = ("id", "at", "operator", "action", "subject", "before", "after", "reason", "chain")

COLUMNS = (
    Column("When", lambda act: formats.short_moment(act.at_ms), Look.MUTED, width=116),
    Column("Who", lambda act: act.operator, width=100),
    Column("What", lambda act: act.action, width=190),
    Column("To", lambda act: act.subject, Look.MONO, width=150),
    Column("Before", lambda act: act.before, Look.MUTED, width=130, optional=True),
    Column("After", lambda act: act.after, width=0),
    Column("Why", lambda act: act.reason, width=210),
)


class ActivityViewModel(ViewModel):
    """Signals: `checked` with (ok, words) for the trail, `verified` with a Verification of the books."""

    checked = Signal(bool, str)
    verified = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("activity", "users", "balances", "checkouts", "outbox", "events"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = ActivityQuery()
        self.rows = Rows(
            self,
            COLUMNS,
            lambda work, after, limit: work.activity.page(self.query, after, limit),
            identity=lambda act: act.id,
        )
        self._from_start = False

    def search(self, text: str) -> None:
        if text != self.query.text:
            self.query, self._from_start = ActivityQuery(text), True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def check_chain(self) -> None:
        """Recompute the chain over every record."""
        broken = await self.read(lambda work: work.activity.first_broken())
        if broken is None:
            self.checked.emit(True, "The trail is whole: no record was changed, removed or put in.")
        else:
            self.checked.emit(False, f"The trail is broken at record {broken}: it or one before it was tampered with.")

    async def verify(self) -> None:
        """Recompute the whole ledger."""
        self.verified.emit(await self.read(lambda work: work.verifier.run()))

    async def export(self, path: Path) -> None:
        """Everything that fits the search, as CSV, oldest last."""
        written = await self.console.workers.database.run(self._write, path, self.query)
        self.workspace.toasted.emit(f"{formats.plural(written, 'record', 'records')} written to {path.name}")

    def _write(self, path: Path, query: ActivityQuery) -> int:
        with self.console.store.read() as work:
            return write_csv(path, HEADER, _every_record(work, query))


def _every_record(work: Work, query: ActivityQuery) -> Iterator[list[str | int]]:
    """Page by page, so that a long trail takes no more memory than a short one."""
    after: Cursor | None = None
    while True:
        page = work.activity.page(query, after, EXPORT_PAGE)
        yield from (_cells(act) for act in page.rows)
        after = page.next_after
        if after is None:
            return


def _cells(act: Activity) -> list[str | int]:
    return [
        act.id,
        formats.iso(act.at_ms),
        act.operator,
        act.action,
        act.subject,
        act.before,
        act.after,
        act.reason,
        act.chain,
    ]
