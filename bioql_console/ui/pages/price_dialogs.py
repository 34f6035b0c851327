"""Asking for a price and from when it counts, and for what a plan allows."""

from PySide6.QtCore import QDateTime, QTimeZone
from PySide6.QtWidgets import QDateTimeEdit, QWidget

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_UNIT
from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import Price, normal_backend
from bioql_console.services.tariff_admin import MOST_MICROS, checked_pattern
from bioql_console.ui import formats
from bioql_console.ui.widgets.buttons import Toggle
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import Labelled, field, parse_exact_dollars
from bioql_console.ui.widgets.labels import PlainLabel

UTC = QTimeZone(QTimeZone.Initialization.UTC)
SHOWN = "d MMM yyyy  HH:mm 'UTC'"


class PriceDialog(FormDialog):
    """A new price. Says what changes before it does.

    Args:
        price: The one to begin with; None for a backend that has none.
    """

    def __init__(self, parent: QWidget, environment: str, price: Price | None, now_ms: int) -> None:
        note = "What has run keeps the price of its time. A price can't begin in the past and can't be taken back."
        title = f"New price for {price.pattern}" if price else "Price for another backend"
        super().__init__(parent, title, environment, "Set price", note)
        self._before, self._now_ms = price, now_ms
        self.pattern = field("ibm_torino, or ibm_* for several", "Backend", price.pattern if price else "")
        self.amount = field("3.50", "Price of a shot")
        self.reason = field("New contract with the provider", "Reason")
        self.add("Backend", self.pattern, _pattern_problem)
        self.add("Price of a shot", self.amount, _amount_problem, "Dollars, down to a millionth.")
        self.at_once = Toggle("From now on")
        self.at_once.setChecked(True)
        self.body.addWidget(self.at_once)
        self.moment = QDateTimeEdit()
        self.moment.setTimeZone(UTC)
        self.moment.setDisplayFormat(SHOWN)
        self.moment.setCalendarPopup(True)
        self.moment.setMinimumDateTime(QDateTime.fromMSecsSinceEpoch(now_ms, UTC))
        self.moment.setAccessibleName("From when the price counts")
        self.starts = Labelled("From", self.moment)
        self.starts.hide()
        self.body.addWidget(self.starts)
        self.add("Reason, for whoever reads the activity trail", self.reason, required("a reason"))
        self.plan = PlainLabel("", "muted").wrapped()
        self.body.addWidget(self.plan)
        self.at_once.clicked.connect(lambda on: self.starts.setVisible(not on))
        for changed in (self.pattern.textChanged, self.amount.textChanged, self.moment.dateTimeChanged):
            changed.connect(lambda *_: self._say())
        self.at_once.clicked.connect(lambda *_: self._say())
        self._say()

    @property
    def micros(self) -> int:
        return parse_exact_dollars(self.amount.text()) or 0

    @property
    def effective_ms(self) -> int | None:
        """None for now."""
        return None if self.at_once.isChecked() else self.moment.dateTime().toMSecsSinceEpoch()

    def _say(self) -> None:
        micros = parse_exact_dollars(self.amount.text())
        if micros is None or _pattern_problem(self.pattern.text()):
            self.plan.setText("")
            return
        name, at_ms = normal_backend(self.pattern.text()), self.effective_ms
        when = "now" if at_ms is None else formats.moment_utc(at_ms)
        change = f"{name} costs {formats.exact_dollars(micros)} a shot from {when} on"
        if self._before and self._before.pattern == name:
            old = formats.exact_dollars(self._before.micros_per_shot)
            change += f" instead of {old}. Usage before that keeps {old}"
        self.plan.setText(f"{change}.")


class LimitsDialog(FormDialog):
    """What a plan allows."""

    def __init__(self, parent: QWidget, environment: str, limits: PlanLimits) -> None:
        note = "Counts for the next run that is asked for. What has run is recorded and billed whatever the plan."
        super().__init__(parent, f"The {limits.plan.value} plan", environment, "Change plan", note)
        self._plan = limits.plan
        self.shots = field("empty: unlimited", "Shots a month")
        self.shots.setText("" if limits.monthly_shots is None else str(limits.monthly_shots))
        self.backends = field("simulator, ibm_*", "Backends", ", ".join(limits.backends))
        self.reason = field("Agreed with sales", "Reason")
        self.add("Shots a month", self.shots, _shots_problem, "Empty for no limit.")
        self.add("Backends, or beginnings with *", self.backends, self._backends_problem, "* allows all.")
        self.add("Reason, for whoever reads the activity trail", self.reason, required("a reason"))

    def limits(self) -> PlanLimits:
        """What was entered.

        Raises:
            ValueError: the backends can't be read.
        """
        shots = self.shots.text().replace(",", "").strip()
        names = tuple(name for part in self.backends.text().split(",") if (name := normal_backend(part)))
        return PlanLimits(self._plan, int(shots) if shots else None, names)

    def _backends_problem(self, text: str) -> str:
        names = [part for part in text.split(",") if part.strip()]
        if not names:
            return "Name at least one backend, or * for all."
        return next((problem for name in names if (problem := _pattern_problem(name))), "")


def _pattern_problem(text: str) -> str:
    try:
        checked_pattern(text)
    except OperatorError as error:
        return f"{error.what} {error.fix}"
    return ""


def _amount_problem(text: str) -> str:
    micros = parse_exact_dollars(text)
    if micros is None or not 0 <= micros <= MOST_MICROS:
        return f"Enter dollars, e.g. 3.50 or 0.012, up to {MOST_MICROS // MICROS_PER_UNIT:,}."
    return ""


def _shots_problem(text: str) -> str:
    plain = text.replace(",", "").strip()
    return "" if not plain or (plain.isascii() and plain.isdigit() and len(plain) < 13) else "Enter a whole number."
