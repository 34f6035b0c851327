"""The last days at a glance: events by the hour, and the times in which nobody watched."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioql_console.domain.event_coverage import HOUR_MS, Gap, HourOfEvents, Span
from bioql_console.ui import formats
from bioql_console.ui.theme import color

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

HEIGHT = 62
LABELS = 16
LEAST_GAP = 3.0


class EventTimeline(QWidget):
    """Bars for the events of each hour, on grounds that tell when nobody watched. Hovering tells what is there."""

    def __init__(self) -> None:
        super().__init__()
        self._span = Span(0, 1)
        self._hours: tuple[HourOfEvents, ...] = ()
        self._gaps: tuple[Gap, ...] = ()
        self.setAccessibleName("Events of the last days, and when nobody watched")
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(400, HEIGHT)

    def show_times(self, span: Span, hours: tuple[HourOfEvents, ...], gaps: tuple[Gap, ...]) -> None:
        self._span, self._hours, self._gaps = span, hours, gaps
        events = sum(hour.delivered + hour.fetched for hour in hours)
        said = [formats.plural(events, "event", "events"), *(gap_words(gap) for gap in gaps)]
        self.setAccessibleDescription(" ".join(said))
        self.update()

    def _x(self, at_ms: int) -> float:
        length = max(1, self._span.until_ms - self._span.from_ms)
        return (at_ms - self._span.from_ms) * self.width() / length

    def paintEvent(self, _event: "QPaintEvent") -> None:
        painter = QPainter(self)
        foot = self.height() - LABELS
        painter.setPen(Qt.PenStyle.NoPen)
        for gap in self._gaps:
            painter.setBrush(color(f"{_tone(gap)}_soft"))
            left, right = self._x(gap.span.from_ms), self._x(gap.span.until_ms)
            painter.drawRect(QRectF(left, 0, max(LEAST_GAP, right - left), foot))
            painter.setBrush(color(_tone(gap)))
            painter.drawRect(QRectF(left, 0, max(LEAST_GAP, right - left), 2))
        self._paint_bars(painter, foot)
        self._paint_days(painter, foot)

    def _paint_bars(self, painter: QPainter, foot: int) -> None:
        most = max((hour.delivered + hour.fetched for hour in self._hours), default=0)
        for hour in self._hours:
            left, right = max(0.0, self._x(hour.at_ms)), self._x(hour.at_ms + HOUR_MS)
            bottom = float(foot)
            for number, token in ((hour.delivered, "chart"), (hour.fetched, "info")):
                if number:
                    tall = max(2.0, (foot - 6) * number / most)
                    painter.setBrush(color(token))
                    painter.drawRect(QRectF(left, bottom - tall, max(1.5, right - left - 1), tall))
                    bottom -= tall

    def _paint_days(self, painter: QPainter, foot: int) -> None:
        painter.setPen(color("border"))
        painter.drawLine(0, foot, self.width(), foot)
        day = QDateTime.fromMSecsSinceEpoch(self._span.from_ms).date().addDays(1)
        while (at_ms := day.startOfDay().toMSecsSinceEpoch()) < self._span.until_ms:
            x = int(self._x(at_ms))
            painter.setPen(color("border"))
            painter.drawLine(x, foot, x, foot + 4)
            painter.setPen(color("muted"))
            label = formats.day(at_ms)
            if x + painter.fontMetrics().horizontalAdvance(label) + 6 < self.width():
                painter.drawText(x + 4, self.height() - 3, label)
            day = day.addDays(1)

    def mouseMoveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        length = self._span.until_ms - self._span.from_ms
        at_ms = self._span.from_ms + int(event.position().x() * length / max(1, self.width()))
        QToolTip.showText(event.globalPosition().toPoint(), self.words_at(at_ms), self)

    def words_at(self, at_ms: int) -> str:
        """What is known of a moment."""
        start_ms = at_ms - at_ms % HOUR_MS
        said = [formats.short_moment(start_ms)]
        hour = next((each for each in self._hours if each.at_ms == start_ms), HourOfEvents(start_ms, 0, 0))
        if hour.delivered or not hour.fetched:
            said.append(f"{formats.plural(hour.delivered, 'event', 'events')} delivered")
        if hour.fetched:
            said.append(f"{formats.plural(hour.fetched, 'event', 'events')} fetched from Stripe's list")
        said += [gap_words(gap) for gap in self._gaps if gap.span.from_ms <= at_ms <= gap.span.until_ms]
        return "\n".join(said)


def gap_words(gap: Gap) -> str:
    """A time in which nobody watched, and what became of it."""
    span = f"Nobody watched from {formats.short_moment(gap.span.from_ms)} to {formats.short_moment(gap.span.until_ms)}"
    if gap.lost:
        return f"{span}; Stripe no longer lists all of it."
    if not gap.closed:
        return f"{span}; what came then was not looked for yet."
    return f"{span}; {formats.plural(gap.fetched, 'event', 'events')} fetched since, nothing is missing."


def _tone(gap: Gap) -> str:
    return "bad" if gap.lost else "unknown" if gap.closed else "warn"
