"""Money, numbers and times as people read them, by the locale in use. Ids are never changed."""

from datetime import UTC, datetime

from PySide6.QtCore import QDateTime, QLocale, QTimeZone

from bioql_console.domain.money import MICROS_PER_UNIT, cents_half_up

MINUS = "−"
SECOND_MS = 1_000
STEPS = (
    (86_400_000 * 365, "year", "years"),
    (86_400_000 * 30, "month", "months"),
    (86_400_000, "day", "days"),
    (3_600_000, "hour", "hours"),
    (60_000, "minute", "minutes"),
    (1_000, "second", "seconds"),
)


def choose_locale(language: str) -> None:
    """Numbers and dates as in "en", "es", or as the system has it. A system without a locale reads as English."""
    locale = QLocale.system() if language == "system" else QLocale(language)
    if locale.language() == QLocale.Language.C:
        locale = QLocale(QLocale.Language.English, QLocale.Country.UnitedStates)
    QLocale.setDefault(locale)


def count(number: int) -> str:
    """12,480"""
    return QLocale().toString(number)


def plural(number: int, one: str, many: str) -> str:
    """1 user, 12,480 users"""
    return f"{count(number)} {one if number == 1 else many}"


def dollars(micros: int) -> str:
    """$1,234.50; whole cents, halves away from zero."""
    cents = cents_half_up(micros)
    return f"{MINUS if cents < 0 else ''}${_units(abs(cents), 100, 2)}"


def dollars_or_dash(micros: int) -> str:
    """$9.90, or a dash for nothing."""
    return dollars(micros) if micros else "—"


def exact_dollars(micros: int) -> str:
    """$0.012345; every digit that is there, at least two."""
    digits = f"{abs(micros) % MICROS_PER_UNIT:06d}".rstrip("0")
    places = max(2, len(digits))
    return f"{MINUS if micros < 0 else ''}${_units(abs(micros) // 10 ** (6 - places), 10**places, places)}"


def signed_dollars(micros: int) -> str:
    """+$300.00, −$10.00"""
    return dollars(micros) if micros < 0 else f"+{dollars(micros)}"


def bare(micros: int) -> str:
    """1,234.50 without a sign of currency, for narrow columns."""
    return dollars(micros).replace("$", "")


def signed_bare(micros: int) -> str:
    """+300.00, −10.00"""
    return signed_dollars(micros).replace("$", "")


def plain_amount(micros: int) -> str:
    """1234.50, for the clipboard and for files."""
    cents = cents_half_up(micros)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _units(number: int, scale: int, places: int) -> str:
    whole, rest = divmod(number, scale)
    return f"{QLocale().toString(whole)}{QLocale().decimalPoint()}{rest:0{places}d}"


def clock(at_ms: int) -> str:
    """12:03:22, local time"""
    return QDateTime.fromMSecsSinceEpoch(at_ms).toString("HH:mm:ss")


def minute(at_ms: int) -> str:
    """12:03, local time"""
    return QDateTime.fromMSecsSinceEpoch(at_ms).toString("HH:mm")


def day(at_ms: int) -> str:
    """12 Nov, with the year when it is another one."""
    moment = QDateTime.fromMSecsSinceEpoch(at_ms)
    this_year = moment.date().year() == QDateTime.currentDateTime().date().year()
    return QLocale().toString(moment, "d MMM" if this_year else "d MMM yyyy")


def short_moment(at_ms: int) -> str:
    """12 Nov 12:03, for tables."""
    return f"{day(at_ms)} {QDateTime.fromMSecsSinceEpoch(at_ms).toString('HH:mm')}"


def moment(at_ms: int) -> str:
    """12 Nov 2026, 12:03:22"""
    return QLocale().toString(QDateTime.fromMSecsSinceEpoch(at_ms), "d MMM yyyy, HH:mm:ss")


def moment_utc(at_ms: int) -> str:
    """12 Nov 2026, 12:03 UTC"""
    utc = QDateTime.fromMSecsSinceEpoch(at_ms, QTimeZone(QTimeZone.Initialization.UTC))
    return f"{QLocale().toString(utc, 'd MMM yyyy, HH:mm')} UTC"


def iso(at_ms: int) -> str:
    """2026-11-12T12:03:22Z, for files."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_day(at_ms: int) -> str:
    """2026-11-12 in UTC, for files."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def size(number: int) -> str:
    """12.3 MB"""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6)):
        if number >= bytes_each:
            return f"{QLocale().toString(number / bytes_each, 'f', 1)} {unit}"
    return f"{QLocale().toString(-(-number // 1_000))} kB"


def span(length_ms: int) -> str:
    """12 days, 3 seconds"""
    for size, one, many in STEPS:
        if length_ms >= size:
            return plural(length_ms // size, one, many)
    return "less than a second"


def ago(at_ms: int, now_ms: int) -> str:
    """3 seconds ago"""
    length = now_ms - at_ms
    return "just now" if length < SECOND_MS else f"{span(length)} ago"


def short_ago(at_ms: int | None, now_ms: int) -> str:
    """28 d, for narrow columns; a dash for never."""
    if at_ms is None:
        return "—"
    for size, one, _ in STEPS[:-1]:
        if now_ms - at_ms >= size:
            return f"{(now_ms - at_ms) // size} {'mo' if one == 'month' else one[0] if one != 'minute' else 'min'}"
    return "now"


def countdown(left_ms: int) -> str:
    """23 h 59 min, 4 min, 0:32"""
    seconds = max(0, left_ms // 1000)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes > 1 else f"{minutes}:{seconds % 60:02d}"
