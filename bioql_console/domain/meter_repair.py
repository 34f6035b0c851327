"""How meter and price at Stripe are brought to what they must be: the steps, what each means, and what they touch.

Stripe lets little be changed: of a meter its name and whether it is active, of a price its lookup key and whether it
is active. What is wrong beyond that gets a new meter or price, and the subscriptions move over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.meter import EVENT_NAME, METER_NAME, PRODUCT_NAME, Check, Meter, MeteredPrice
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars


class StepKind(Enum):
    """What a step does at Stripe, in the words of its progress and of the activity trail."""

    ARCHIVE_METER = "archived meter"
    REACTIVATE_METER = "reactivated meter"
    MAKE_METER = "created meter"
    RENAME_METER = "renamed meter"
    RENAME_PRODUCT = "renamed product"
    REACTIVATE_PRODUCT = "reactivated product"
    TAKE_LOOKUP_KEY = "moved lookup key"
    REACTIVATE_PRICE = "reactivated metered price"
    MAKE_PRICE = "created metered price"
    MOVE_SUBSCRIPTION = "moved subscription"
    ARCHIVE_PRICE = "archived price"


MAKING = frozenset((StepKind.MAKE_METER, StepKind.MAKE_PRICE))


@dataclass(frozen=True, slots=True)
class Step:
    """One change at Stripe.

    Args:
        subject: Stripe's id of what is changed; of what is replaced, for what is made; empty when nothing was there.
        words: What is done.
        consequence: What follows from it for usage and money.
    """

    kind: StepKind
    subject: str
    words: str
    consequence: str


@dataclass(frozen=True, slots=True)
class Stray:
    """A user's subscription that bills by another price than it should.

    Args:
        uninvoiced_cents: What the user owes and no invoice asks for; negative when more is on its way than is owed.
        drafting: Whether an invoice of it is still being made. It is finalized within the hour, and waited for.
        in_books: The subscription that our books name: this one, but where a move was cut off.
    """

    user_id: int
    user_name: str
    customer: str
    subscription: str
    price: str
    uninvoiced_cents: int = 0
    drafting: bool = False
    in_books: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at Stripe.

    Args:
        meters: Those with our event name or our display name.
        price: The one with our lookup key.
        others: Further metered prices on these meters, and the one that `price` replaced.
        product: Id of the active product with our name.
        strays: Subscriptions of our users by another price than `price`.
    """

    meters: tuple[Meter, ...] = ()
    price: MeteredPrice | None = None
    others: tuple[MeteredPrice, ...] = ()
    product: str | None = None
    strays: tuple[Stray, ...] = ()

    @property
    def meter(self) -> Meter | None:
        """The one that counts our usage, or would once it is mended."""
        return min(self.meters, key=_rank, default=None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is there besides and does no harm, but is better known."""
        meter = self.meter
        spare = [each for each in self.meters if each.active and meter is not None and each.id != meter.id]
        lines = [f"Meter {each.id} is named like ours but counts “{each.event_name}”." for each in spare]
        known = {self.price.id, self.price.replaces} if self.price else set()
        more = [each.id for each in self.others if each.active and each.id not in known]
        if more:
            lines.append(f"The meter has further prices: {', '.join(more)}. None of them is ours to change.")
        return tuple(lines)


def _rank(meter: Meter) -> tuple[bool, bool, bool]:
    """Best first: what counts our events now, then what counts rightly, then what bears our event name."""
    ours = meter.event_name == EVENT_NAME
    return not (ours and meter.active), not meter.counts_right, not ours


def plan(found: Found) -> list[Step]:
    """What is left to do, in order; empty when all is as it must be."""
    prices = list(_price_steps(found))
    # Last: from then on the price that had the key is not found any more, nor who subscribed to it.
    taking = [step for step in prices if step.kind is StepKind.TAKE_LOOKUP_KEY]
    first = [step for step in prices if step not in taking]
    return [*_meter_steps(found), *first, *_moves(found), *taking, *_farewell(found)]


def target_meter(found: Found) -> Meter | None:
    """The meter that will count; None when it is yet to be made."""
    meter = found.meter
    if meter is None or meter.counts_right:
        return meter
    return next((each for each in found.meters if each.counts_right), None)


def _meter_steps(found: Found) -> Iterator[Step]:
    meter, target = found.meter, target_meter(found)
    if meter is not None and meter is not target and meter.active:
        yield Step(
            StepKind.ARCHIVE_METER,
            meter.id,
            f"Archive meter {meter.id}",
            "Stripe can't change what a meter counts. From here until the new one counts, usage waits in the outbox.",
        )
    if target is None:
        words = f"Create meter “{METER_NAME}” for {EVENT_NAME}, sum"
        yield Step(StepKind.MAKE_METER, meter.id if meter else "", words, "Usage is counted from here on.")
        return
    if not target.active:
        words = f"Reactivate meter {target.id}"
        yield Step(StepKind.REACTIVATE_METER, target.id, words, "Usage that waits in the outbox is sent to it.")
    if target.display_name != METER_NAME:
        words = f"Rename meter {target.id} to “{METER_NAME}”"
        yield Step(StepKind.RENAME_METER, target.id, words, "Only its name in Stripe's dashboard changes.")


def _price_steps(found: Found) -> Iterator[Step]:
    price = found.price
    if price is None or not _can_stay(found, price):
        yield from _other_price(found)
        return
    if price.product_name != PRODUCT_NAME:
        words = f"Rename product {price.product_id} to “{PRODUCT_NAME}”"
        yield Step(StepKind.RENAME_PRODUCT, price.product_id, words, "Invoices name it from here on.")
    yield from _reactivation(price)


def _reactivation(price: MeteredPrice) -> Iterator[Step]:
    if not price.product_active:
        words = f"Reactivate product {price.product_id}"
        yield Step(StepKind.REACTIVATE_PRODUCT, price.product_id, words, "Its price can be subscribed to again.")
    if not price.active:
        words = f"Reactivate price {price.id}"
        yield Step(StepKind.REACTIVATE_PRICE, price.id, words, "New subscriptions can use it again.")


def _can_stay(found: Found, price: MeteredPrice) -> bool:
    """Whether all that can never be changed of it is right."""
    target = target_meter(found)
    foreign_product = price.product_name != PRODUCT_NAME and found.product not in (None, price.product_id)
    return target is not None and price.charges_right(target.id) and not foreign_product


def _other_price(found: Found) -> Iterator[Step]:
    """A right one that is there takes over the lookup key, so that no subscription has to move; else one is made."""
    spare = [each for each in found.others if each.product_name == PRODUCT_NAME and _can_stay(found, each)]
    if spare:
        chosen = min(spare, key=lambda each: not each.active)
        words = f"Give price {chosen.id} our lookup key"
        yield from _reactivation(chosen)
        yield Step(StepKind.TAKE_LOOKUP_KEY, chosen.id, words, "New subscriptions find it again.")
    elif found.price is None:
        words = f"Create the price of 1¢ a unit on product “{PRODUCT_NAME}”"
        yield Step(StepKind.MAKE_PRICE, "", words, "Usage is invoiced by it.")
    else:
        words = f"Create the price of 1¢ a unit in the place of {found.price.id}"
        consequence = "Stripe can't change what a price charges. The new one takes over its lookup key."
        yield Step(StepKind.MAKE_PRICE, found.price.id, words, consequence)


def kept_price(found: Found) -> str:
    """Id of the price that subscriptions may stay on; empty when it is yet to be made."""
    steps = [step for step in _price_steps(found) if step.kind in (StepKind.MAKE_PRICE, StepKind.TAKE_LOOKUP_KEY)]
    if not steps:
        return found.price.id if found.price else ""
    return steps[0].subject if steps[0].kind is StepKind.TAKE_LOOKUP_KEY else ""


def _moves(found: Found) -> Iterator[Step]:
    for stray in found.strays:
        money = plain_dollars(max(0, stray.uninvoiced_cents) * MICROS_PER_CENT)
        yield Step(
            StepKind.MOVE_SUBSCRIPTION,
            stray.subscription,
            f"Move {stray.user_name}'s subscription to the right price",
            f"{money} that no invoice asks for yet goes to the customer's balance; the next invoice collects it once.",
        )


def _farewell(found: Found) -> Iterator[Step]:
    """What was replaced is archived last, when nobody uses it any more."""
    made = any(step.kind is StepKind.MAKE_PRICE for step in _price_steps(found))
    old_id = (found.price.id if made else found.price.replaces) if found.price else ""
    prices = (*found.others, found.price) if found.price else found.others
    old = next((each for each in prices if each.id == old_id), None)
    if old is not None and old.active:
        words = f"Archive price {old.id}"
        yield Step(StepKind.ARCHIVE_PRICE, old.id, words, "Nobody can subscribe to it by mistake.")


def check_subscriptions(found: Found) -> list[Check]:
    """One line for subscriptions that bill by another price; none while there are none, since that is the rule."""
    if not found.strays:
        return []
    actual = f"{len(found.strays)} by another one"
    return [Check("Subscriptions", "by this price", actual, "Their usage is invoiced at another price, or not at all.")]
