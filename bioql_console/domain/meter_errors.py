"""Why Stripe's meter refuses usage: in words, with the cause and the cure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeterError:
    """One code of Stripe's error reports.

    Args:
        words: What Stripe says no to, beginning with a capital.
        again: Whether sending the same usage again can help, once the cause is repaired.
    """

    words: str
    cause: str
    cure: str
    again: bool = True


METER_ERRORS: dict[str, MeterError] = {
    "archived_meter": MeterError(
        "The meter is deactivated.",
        "Somebody deactivated it at Stripe, or it was replaced.",
        "Repair the meter on the Meter page, then send again.",
    ),
    "no_meter": MeterError(
        "Stripe has no meter for this usage.",
        "The meter was never made, or its event name is another one.",
        "Create the meter on the Meter page, then send again.",
    ),
    "meter_event_customer_not_found": MeterError(
        "Stripe does not know the customer.",
        "The customer was deleted at Stripe, or belongs to another account.",
        "Give the user a customer on the Users page, then send again.",
    ),
    "meter_event_no_customer_defined": MeterError(
        "The meter found no customer in the usage.",
        "The meter looks for the customer under another key than ours.",
        "Repair the meter on the Meter page, then send again.",
    ),
    "meter_event_invalid_value": MeterError(
        "The meter could not read the value.",
        "The meter looks for the value under another key than ours, or takes whole numbers only.",
        "Repair the meter on the Meter page, then send again.",
    ),
    "meter_event_value_too_many_digits": MeterError(
        "The value has more digits than Stripe takes.",
        "One run cost more than the meter can count.",
        "Collect it with the next invoice instead.",
        again=False,
    ),
    "meter_event_dimension_count_too_high": MeterError(
        "The usage has more dimensions than the meter takes.",
        "The meter was set up with dimensions at Stripe.",
        "Repair the meter on the Meter page, then send again.",
    ),
    "missing_dimension_payload_keys": MeterError(
        "The usage lacks a dimension that the meter wants.",
        "The meter was set up with dimensions at Stripe.",
        "Repair the meter on the Meter page, then send again.",
    ),
    "timestamp_in_future": MeterError(
        "The usage is dated in the future.",
        "The clock of the computer that recorded it is ahead.",
        "Set the clock, then send again once that time has come.",
    ),
    "timestamp_too_far_in_past": MeterError(
        "The usage is older than 35 days.",
        "It waited too long: Stripe was off, or it was refused and not sent again.",
        "Collect it with the next invoice instead.",
        again=False,
    ),
}
# Stripe's events that report refused usage. They are thin: delivered without what they say.
METER_REPORTS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
# Ours, not Stripe's: a try more than a day ago may or may not have been counted.
UNCLEAR = "unclear"
OTHER = MeterError("Stripe refused it.", "Stripe's own words say why.", "Mend what they name, then send again.")
NOT_CLEAR = MeterError(
    "It may be counted already.",
    "An earlier try broke off more than a day ago, and the meter's total fits neither with it nor without it.",
    "Reconcile the customer's day first; collect it with the next invoice only if the meter lacks it.",
    again=False,
)


def explained(code: str) -> MeterError:
    """What a code means; Stripe may add codes that are not known here."""
    return NOT_CLEAR if code == UNCLEAR else METER_ERRORS.get(code, OTHER)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a report says of one code.

    Args:
        count: How many of them Stripe counted.
        samples: Those it named: what they were sent as, and Stripe's words.
    """

    code: str
    count: int
    samples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """One of Stripe's reports of usage that it took first and refused later.

    Args:
        meter: Empty when Stripe found no meter.
        start_ms, end_ms: The window of Stripe's validation.
        refusals: By code; empty until the report was fetched.
        joined: Messages here that were refused by it, those that were found by the meter's totals as well.
        problem: Why it was not fetched yet.
    """

    event_id: str
    type: str
    created_ms: int
    meter: str = ""
    fetched_ms: int | None = None
    start_ms: int = 0
    end_ms: int = 0
    refusals: tuple[Refusal, ...] = ()
    joined: int = 0
    problem: str = ""

    @property
    def count(self) -> int:
        return sum(each.count for each in self.refusals)

    @property
    def named(self) -> int:
        """Stripe names a few of each code only."""
        return sum(len(each.samples) for each in self.refusals)

    @property
    def unnamed(self) -> int:
        """How many errors it only counts."""
        return self.count - self.named

    @property
    def unnamed_code(self) -> str:
        """The code of those that it only counts; empty when they are of several."""
        codes = [each.code for each in self.refusals if each.count > len(each.samples)]
        return codes[0] if len(codes) == 1 else ""

    @property
    def words(self) -> str:
        """In a sentence."""
        if self.fetched_ms is None:
            return f"Not fetched yet. {self.problem}".strip()
        return f"Stripe counted {self.count:,}, named {self.named:,}; {self.joined:,} found here."
