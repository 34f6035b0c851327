"""What a key may do at Stripe, found out by requests that can't do anything.

Reading is tried with a list of one object. Writing is tried on ids that cannot exist, or with what must be there left
out: refused for lack of permission it is 403, otherwise 404 or 400.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from bioql_console.domain.errors import OperatorError
from bioql_console.services.stripe_catalog import CALLS, Access, KeyPermission, Resource

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway

AT_ONCE = 4
NONE_SUCH = "bioqlnosuchid"


class Answer(Enum):
    """Whether a key has a permission."""

    YES = "yes"
    NO = "no"
    LOCKED = "not tried: LIVE is locked"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class KeyReach:
    """What a key may do.

    Args:
        answers: By permission; those that the console uses.
        needless: Names of what it may read and the console never uses.
        trouble: Why something is not known; None when all was answered.
    """

    restricted: bool
    answers: Mapping[KeyPermission, Answer]
    needless: tuple[str, ...] = ()
    trouble: OperatorError | None = None

    def of(self, permission: KeyPermission) -> Answer:
        return self.answers.get(permission, Answer.UNKNOWN)


def _write(resource: Resource, path: str, **params: Any) -> tuple[KeyPermission, str, str, dict[str, Any]]:
    return KeyPermission(resource, Access.WRITE), "post", f"/v1/{path}".replace("ID", NONE_SUCH), params


def _read(resource: Resource, path: str, **params: Any) -> tuple[KeyPermission, str, str, dict[str, Any]]:
    return KeyPermission(resource, Access.READ), "get", f"/v1/{path}".replace("ID", NONE_SUCH), params


PROBES = (
    _read(Resource.ACCOUNTS, "account"),
    _read(Resource.CHARGES, "charges", limit=1),
    _read(Resource.CHECKOUT, "checkout/sessions", limit=1),
    _read(Resource.CREDIT_NOTES, "credit_notes", limit=1),
    _read(Resource.CUSTOMERS, "customers", limit=1),
    _read(Resource.DISPUTES, "disputes", limit=1),
    _read(Resource.EVENTS, "events", limit=1),
    _read(Resource.INVOICES, "invoices", limit=1),
    _read(Resource.METERS, "billing/meters", limit=1),
    _read(Resource.PAYMENT_INTENTS, "payment_intents", limit=1),
    _read(Resource.PAYMENT_METHODS, "customers/cus_ID/payment_methods", limit=1),
    _read(Resource.PRICES, "prices", limit=1),
    _read(Resource.PRODUCTS, "products", limit=1),
    _read(Resource.SUBSCRIPTIONS, "subscriptions", limit=1),
    _write(Resource.CHARGES, "refunds", charge="ch_" + NONE_SUCH),
    _write(Resource.CHECKOUT, "checkout/sessions/cs_ID/expire"),
    _write(Resource.CREDIT_NOTES, "credit_notes", invoice="in_" + NONE_SUCH),
    _write(Resource.CUSTOMERS, "customers/cus_ID"),
    _write(Resource.DISPUTES, "disputes/dp_ID/close"),
    _write(Resource.INVOICES, "invoices/in_ID/finalize"),
    _write(Resource.METERS, "billing/meters/mtr_ID"),
    _write(Resource.METER_EVENTS, "billing/meter_events"),
    _write(Resource.METER_EVENT_ADJUSTMENTS, "billing/meter_event_adjustments"),
    _write(Resource.PAYMENT_METHODS, "payment_methods/pm_ID/attach"),
    _write(Resource.PRICES, "prices/price_ID"),
    _write(Resource.PRODUCTS, "products/prod_ID"),
    _write(Resource.SUBSCRIPTIONS, "subscriptions/sub_ID"),
)
# What is never used, and worth knowing when a stolen key could read it.
NEEDLESS = {"Payouts": "/v1/payouts", "Transfers": "/v1/transfers", "Balance transactions": "/v1/balance_transactions"}


def explore(
    gateway: "StripeGateway",
    *,
    restricted: bool,
    progress: Callable[[int, int], None] = lambda done, of: None,
    stopped: Callable[[], bool] = lambda: False,
) -> KeyReach:
    """What the key of this gateway may do. An unrestricted one is asked nothing: it may do everything.

    Args:
        progress: Called with how many of how many questions are answered.
        stopped: Asked before each question; once it says yes, the rest is not asked.

    Raises:
        OperatorError: `key.check_stopped`.
    """
    if not restricted:
        return KeyReach(False, {probe[0]: Answer.YES for probe in PROBES}, tuple(NEEDLESS))
    done, count = 0, len(PROBES) + len(NEEDLESS)
    answers: dict[KeyPermission, Answer] = {}
    trouble: OperatorError | None = None
    needless = []

    def ask(method: str, path: str, params: dict[str, Any]) -> tuple[Answer, OperatorError | None]:
        if stopped():
            raise OperatorError(
                "Checking the key was stopped.", fix="Check it again when there is time.", code="key.check_stopped"
            )
        return _answer(gateway, method, path, params)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="key-probe") as pool:
        asked = pool.map(lambda probe: (probe[0], *ask(*probe[1:])), PROBES)
        for permission, answer, error in asked:
            answers[permission] = answer
            trouble = trouble or error
            done += 1
            progress(done, count)
        found = pool.map(lambda path: ask("get", path, {"limit": 1}), NEEDLESS.values())
        for name, (answer, _error) in zip(NEEDLESS, found, strict=True):
            if answer is Answer.YES:
                needless.append(name)
            done += 1
            progress(done, count)
    return KeyReach(True, _with_reads(answers), tuple(needless), trouble)


def _answer(
    gateway: "StripeGateway", method: str, path: str, params: dict[str, Any]
) -> tuple[Answer, OperatorError | None]:
    try:
        return (Answer.YES if gateway.may(method, path, params) else Answer.NO), None
    except OperatorError as error:
        return (Answer.LOCKED, None) if error.code == "live.locked" else (Answer.UNKNOWN, error)


def _with_reads(answers: Mapping[KeyPermission, Answer]) -> dict[KeyPermission, Answer]:
    """Who may not even read may not write: that is known without trying, also in Live."""
    known = dict(answers)
    for permission, answer in answers.items():
        read = answers.get(KeyPermission(permission.resource, Access.READ))
        if permission.access is Access.WRITE and answer in (Answer.LOCKED, Answer.UNKNOWN) and read is Answer.NO:
            known[permission] = Answer.NO
    return known


def needed() -> list[KeyPermission]:
    """What a restricted key should be given, as on Stripe's API keys page: one line for each resource."""
    strongest: dict[Resource, Access] = {}
    for permission in (call.permission for call in CALLS):
        if strongest.get(permission.resource) is not Access.WRITE:
            strongest[permission.resource] = permission.access
    return sorted((KeyPermission(*item) for item in strongest.items()), key=str)


def advice() -> str:
    """The permissions to give a restricted key, as text to copy."""
    return "\n".join(str(permission) for permission in needed())


def lost(old: KeyReach, new: KeyReach) -> list[KeyPermission]:
    """What the old key may do for the console and the new one may not."""
    return [
        permission
        for permission in _distinct(call.permission for call in CALLS)
        if old.of(permission) is Answer.YES and new.of(permission) is Answer.NO
    ]


def _distinct(permissions: Iterable[KeyPermission]) -> list[KeyPermission]:
    return list(dict.fromkeys(permissions))
