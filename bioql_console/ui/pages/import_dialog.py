"""The dialog that previews a `users.db` and brings it in."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportReport
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.importing import ImportViewModel
from bioql_console.ui.widgets.buttons import Toggle
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.dialogs import Asked
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.progress import Progress
from bioql_console.ui.widgets.tables import DataTable

WIDTH, TABLE_HEIGHT = 680, 190
# More rows than anybody reads; the command line's JSON has them all.
MOST_SHOWN = 2_000
PROBLEMS = (
    Column("Table", lambda problem: problem.table, Look.MUTED, width=120),
    Column("Row", lambda problem: str(problem.row if problem.row is not None else "—"), Look.NUMBER, width=72),
    Column("What is wrong with it, and what was done", lambda problem: problem.what, width=0),
)


class ImportDialog(Asked):
    """Shows what an import would do before it does it, and how far it is while it does."""

    def __init__(self, parent: QWidget, model: ImportViewModel) -> None:
        word = model.console.environment.word
        super().__init__(parent, f"Import {model.path.name}", word, "Import")
        self.setMinimumWidth(WIDTH)
        self._model = model
        self.progress = Progress("Progress of the import")
        self.sums, self.parts = KeyValues(), KeyValues()
        self.credit = Toggle("Count prepaid credit of the old accounts")
        self.credit.setChecked(True)
        self.notes = PlainLabel("", "muted").wrapped()
        self.problem_count = PlainLabel("", "muted").wrapped()
        self.problems = DataTable("Rows with problems")
        self.problems.setMinimumHeight(TABLE_HEIGHT)
        self._table = RowTable(PROBLEMS)
        self.problems.show_table(self._table)
        self._lay_out()
        self.accept_button.setEnabled(False)
        self._show_nothing()
        self.credit.clicked.connect(self._count_credit)
        # Methods, not lambdas: progress is told from another thread and must be shown on the window's.
        model.progressed.connect(self._show_progress)
        model.previewed.connect(self._show_preview)
        model.imported.connect(self._show_imported)
        model.refused.connect(self._show_refusal)
        model.preview()

    def _lay_out(self) -> None:
        columns = QHBoxLayout()
        columns.setSpacing(32)
        columns.addWidget(self.sums, 1)
        columns.addWidget(self.parts, 1)
        credit = QHBoxLayout()
        credit.addWidget(self.credit)
        credit.addStretch(1)
        self.body.addWidget(self.progress)
        self.body.addLayout(columns)
        self.body.addLayout(credit)
        self.body.addWidget(self.notes)
        self.body.addWidget(self.problem_count)
        self.body.addWidget(self.problems, 1)

    def _show_nothing(self) -> None:
        for part in (self.notes, self.problem_count, self.problems):
            part.hide()
        self.progress.show_progress(0, "Looking through the file…")

    def try_accept(self) -> None:
        if self.accept_button.text() == "Close":
            self.accept()
            return
        self._lock(True)
        self.progress.show()
        self.progress.show_progress(0, "Importing…")
        self._model.bring_in()

    def reject(self) -> None:
        self._model.cancel()
        super().reject()

    @Slot(bool)
    def _count_credit(self, on: bool) -> None:
        self._model.with_credit = on
        self._lock(True)
        self._model.preview()

    def _lock(self, busy: bool) -> None:
        self.accept_button.setDisabled(busy)
        self.credit.setDisabled(busy)

    @Slot(float, str)
    def _show_progress(self, fraction: float, words: str) -> None:
        self.progress.show()
        self.progress.show_progress(fraction, f"{words[:1].upper()}{words[1:]}… {fraction:.0%}")

    @Slot(object)
    def _show_preview(self, report: ImportReport) -> None:
        self._show_report(report)
        self._lock(False)
        if report.nothing_new:
            self.progress.show_progress(1, "Everything in this file is here already: nothing would change.")
            self.accept_button.setText("Close")
        else:
            self.progress.show_progress(1, "A preview: nothing is written yet. While it is, customers' calls wait.")
            self.accept_button.setText("Import")

    @Slot(object)
    def _show_imported(self, report: ImportReport) -> None:
        self._show_report(report)
        backup = f" The ledger before it is kept at {report.backup}." if report.backup else ""
        self.progress.show_progress(1, f"Brought in.{backup}")
        self.accept_button.setText("Close")
        self.accept_button.setEnabled(True)
        self.credit.setDisabled(True)

    @Slot(object)
    def _show_refusal(self, error: OperatorError) -> None:
        self.progress.show()
        self.progress.show_progress(0, f"{error.what} {error.fix}")
        self.accept_button.setText("Close")
        self.accept_button.setEnabled(True)

    def _show_report(self, report: ImportReport) -> None:
        tally, added = report.tally, report.tally.added
        self.sums.show_rows(
            [
                ("Users", _of(tally.brought.users, added.users)),
                ("Runs", _of(tally.brought.usage_rows, added.usage_rows)),
                ("Months of usage", formats.count(tally.brought.months)),
                ("Invoices", _of(tally.brought.invoices, added.invoices)),
                ("Support tickets", _of(tally.brought.tickets, added.tickets)),
                ("Without Stripe customer", formats.count(len(tally.without_customer))),
            ]
        )
        self.parts.show_rows(
            [
                ("Charged", formats.dollars(tally.charged_micros)),
                ("Paid", formats.dollars(-tally.paid_micros)),
                ("Prepaid credit", formats.dollars(-tally.prepaid_micros) if report.with_credit else "left out"),
                ("Owed afterwards", formats.dollars(tally.owed_micros)),
                ("In credit afterwards", formats.dollars(tally.credit_micros)),
                ("Told Stripe's meter before", formats.dollars(tally.reported_micros)),
            ]
        )
        self.notes.setText(" ".join(report.notes))
        self.notes.setVisible(bool(report.notes))
        self._show_problems(report)

    def _show_problems(self, report: ImportReport) -> None:
        problems = [problem for kept in report.problems.found.values() for problem in kept]
        total = report.problems.counts.total()
        self.problem_count.setText(f"{formats.plural(total, 'row has a problem', 'rows have problems')}:")
        self._table.show_rows(problems[:MOST_SHOWN])
        self.problem_count.setVisible(bool(total))
        self.problems.setVisible(bool(total))


def _of(number: int, new: int) -> str:
    return formats.count(number) if new == number else f"{formats.count(number)}, {formats.count(new)} new"
