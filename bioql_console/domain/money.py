"""Amounts of money: integers of micros (10⁻⁶ of a currency unit), never floats."""

from dataclasses import dataclass
from decimal import Decimal, Inexact, InvalidOperation, localcontext

MICROS_PER_UNIT = 1_000_000
MICROS_PER_CENT = 10_000
USD = "usd"
MOST_DIGITS = 12

# Stripe refuses to charge less or more than this in one payment (USD).
SMALLEST_CHARGE_CENTS = 50
LARGEST_CHARGE_CENTS = 99_999_999


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in one currency. Adding different currencies is a bug and raises ValueError."""

    micros: int
    currency: str = USD

    @classmethod
    def from_cents(cls, cents: int, currency: str = USD) -> "Money":
        return cls(cents * MICROS_PER_CENT, currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.micros + self._same(other).micros, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.micros - self._same(other).micros, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.micros, self.currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} can't be added")
        return other

    def __str__(self) -> str:
        return plain_dollars(self.micros)


def cents_half_up(micros: int) -> int:
    """Whole cents, halves rounded away from zero: what Checkout charges for `micros`."""
    magnitude = (abs(micros) + MICROS_PER_CENT // 2) // MICROS_PER_CENT
    return magnitude if micros >= 0 else -magnitude


def plain_dollars(micros: int) -> str:
    """`$1,234.50`, with further digits only where they exist. For logs, memos and the command line."""
    sign = "−" if micros < 0 else ""
    units, rest = divmod(abs(micros), MICROS_PER_UNIT)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${units:,}.{digits}"


def json_dollars(micros: int) -> float:
    """Dollars for the HTTP API, whose deployed clients read a JSON number with two decimals."""
    return cents_half_up(micros) / 100


def micros_from_json(value: object) -> int:
    """Micros from a JSON number of dollars.

    Raises:
        ValueError: not a number, not finite, or finer than a micro. Booleans are no numbers.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("amount must be a number")
    try:
        # str() of a float gives its shortest exact form, so 0.1 stays 0.1.
        number = Decimal(str(value))
        if not number.is_finite():
            raise ValueError("amount must be a finite number")
        # 1e999999999 is a short text and a giant integer.
        if number.adjusted() >= MOST_DIGITS:
            raise ValueError("amount is too large")
        with localcontext() as context:
            # Otherwise digits beyond the 28th would be rounded away unseen.
            context.traps[Inexact] = True
            micros = number * MICROS_PER_UNIT
        whole = int(micros)
    except Inexact as error:
        raise ValueError("amount is finer than a millionth of a dollar") from error
    except (InvalidOperation, OverflowError) as error:
        raise ValueError("amount must be a finite number") from error
    if whole != micros:
        raise ValueError("amount is finer than a millionth of a dollar")
    return whole
