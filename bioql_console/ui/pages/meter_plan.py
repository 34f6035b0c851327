"""The plan of a repair, as rows of a dialog."""

from PySide6.QtWidgets import QWidget

from bioql_console.domain.meter_repair import Step, StepKind
from bioql_console.services.meter_setup import MeterReport
from bioql_console.ui import formats
from bioql_console.ui.widgets.dialogs import PlanDialog

# More subscriptions than this are told as one row.
MOST_MOVES = 3
WIDTH = 680
NOTE = "Each step looks first whether it is done, so it can be stopped and gone on with. Nothing is made twice."


def plan_rows(report: MeterReport, environment: str) -> list[tuple[str, str]]:
    """Steps in their order, what moves in money, and where."""
    moves = [step for step in report.steps if step.kind is StepKind.MOVE_SUBSCRIPTION]
    told = [step for step in report.steps if step.kind is not StepKind.MOVE_SUBSCRIPTION or len(moves) <= MOST_MOVES]
    rows = [_row(step) for step in told]
    if moves:
        cents = sum(max(0, stray.uninvoiced_cents) for stray in report.strays)
        people = formats.plural(len(moves), "customer's subscription moves", "customers' subscriptions move")
        words = f"{people}; {formats.dollars(cents * 10_000)} that no invoice asks for yet go to their balances"
        rows.append(("Money", words))
    return [*rows, ("Environment", environment)]


def _row(step: Step) -> tuple[str, str]:
    return step.words, step.consequence


def plan_dialog(parent: QWidget, report: MeterReport, environment: str, *, creates: bool) -> PlanDialog:
    """Asks whether to carry it out."""
    title, verb = ("Create meter and price", "Create") if creates else ("Repair meter and price", "Repair")
    dialog = PlanDialog(parent, title, environment, verb, plan_rows(report, environment), NOTE)
    dialog.setMinimumWidth(WIDTH)
    return dialog
