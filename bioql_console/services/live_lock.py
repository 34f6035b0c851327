"""The lock on writes in Live: nothing but GET leaves until an operator armed it, for one action or for a kind.

What may leave follows the code that sends it, not the clock alone: a call is let out when the thread that sends it
acts for an armed action, and the call is one of that action's. So nothing slips out beside it.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import LivePlan, Outgoing, Standing
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.services.ports import Store

_acting: "ContextVar[Permit | Standing | None]" = ContextVar("acting", default=None)


@contextmanager
def acting_for(what: "Permit | Standing") -> Iterator[None]:
    """What is sent within belongs to this action, or to this kind."""
    before = _acting.set(what)
    try:
        yield
    finally:
        _acting.reset(before)


def unless_locked(kind: Standing, work: Callable[[], object]) -> bool:
    """Do what runs by itself; False when LIVE is locked for its kind. Raises what `work` raises otherwise."""
    try:
        with acting_for(kind):
            work()
    except OperatorError as error:
        if error.code != "live.locked":
            raise
        return False
    return True


class Permit:
    """One armed action. It is used once, by the code that acts for it, until its time is over.

    Attributes:
        plan: What was armed.
        left: The calls that were let out, in order.
    """

    def __init__(self, plan: LivePlan, operator: str, ticks_ms: Callable[[], int]) -> None:
        self.plan, self.operator = plan, operator
        self.left: list[str] = []
        self._ticks_ms = ticks_ms
        self._until_ms = ticks_ms() + plan.lasts_ms
        self._lock = threading.Lock()
        self._used: list[set[str]] = [set() for _ in plan.calls]
        self._open = True

    @property
    def left_ms(self) -> int:
        """How long it is armed for yet; 0 when it is locked again."""
        return max(0, self._until_ms - self._ticks_ms()) if self._open else 0

    def take(self, outgoing: Outgoing) -> bool:
        """Whether this call is one of the action's. It counts as made from now on."""
        with self._lock:
            if not self.left_ms:
                return False
            for call, used in zip(self.plan.calls, self._used, strict=True):
                known = outgoing.identity in used
                if call.fits(outgoing) and (known or len(used) < call.times):
                    used.add(outgoing.identity)
                    if not known:
                        self.left.append(str(outgoing))
                    return True
            return False

    def close(self) -> bool:
        """Lock again. Whether it was open; also when its time is over."""
        with self._lock:
            was, self._open = self._open, False
            return was


class LiveLock:
    """Decides what may leave. Safe from any thread.

    Args:
        account: The Stripe account that the ledger belongs to.
        ticks_ms: A clock that nobody can set.
    """

    def __init__(
        self,
        environment: Environment,
        store: Store,
        account: Callable[[], LedgerAccount | None],
        ticks_ms: Callable[[], int],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.needed = environment.livemode
        """Whether anything is locked here at all."""
        self._store, self._account, self._ticks_ms = store, account, ticks_ms
        self._on_change = on_change
        self._lock = threading.Lock()
        self._permit: Permit | None = None
        self._standing: frozenset[Standing] = frozenset()

    # --- at the wire

    def allow(self, outgoing: Outgoing) -> None:
        """Return to let a request leave.

        Raises:
            OperatorError: `live.locked`, `live.not_planned`.
        """
        if not self.needed or outgoing.reads:
            return
        acting = _acting.get()
        if isinstance(acting, Standing) and acting in self._standing and acting.covers(outgoing):
            return
        if isinstance(acting, Permit) and acting is self._permit:
            if acting.take(outgoing):
                return
            if acting.left_ms:
                raise OperatorError(
                    f"LIVE kept this in: {outgoing} is not what was armed.",
                    fix="Look at how things stand now, then arm it again.",
                    code="live.not_planned",
                )
        raise locked()

    # --- one action

    @property
    def permit(self) -> Permit | None:
        """What is armed now; None when its time is over."""
        permit = self._permit
        return permit if permit is not None and permit.left_ms else None

    def account(self) -> LedgerAccount:
        """Whose money it is about.

        Raises:
            OperatorError: `live.no_account`.
        """
        account = self._account()
        if account is None:
            raise OperatorError(
                "It is not known yet whose Stripe account this is, so nothing can be armed.",
                fix="Test the connection in Settings › Credentials, then try again.",
                code="live.no_account",
            )
        return account

    def arm(self, plan: LivePlan, amount: str, account: str, operator: str) -> Permit:
        """Arm one action, after the operator typed its amount and the account's name.

        Raises:
            OperatorError: `live.wrong_amount`, `live.wrong_account`, `live.no_account`, `live.armed`, `db.*`.
        """
        _require_amount(amount, plan.amount)
        self._require_account(account)
        permit = Permit(plan, operator, self._ticks_ms)
        with self._lock:
            if self.permit is not None:
                raise OperatorError(
                    f"Something else is armed: {self.permit.plan.title}.",
                    fix="Finish or cancel that first. One action is armed at a time.",
                    code="live.armed",
                )
            self._record(operator, "armed in LIVE", plan.subject, after=plan.amount, reason=plan.title)
            self._permit = permit
        self._on_change()
        return permit

    def lock(self, permit: Permit) -> None:
        """End it: what was let out goes into the activity trail. A second time does nothing."""
        if not permit.close():
            return
        with self._lock:
            if self._permit is permit:
                self._permit = None
        done = f"{len(permit.left)} sent: {', '.join(permit.left)}" if permit.left else "nothing was sent"
        self._record(permit.operator, "locked LIVE again", permit.plan.subject, after=done, reason=permit.plan.title)
        self._on_change()

    # --- what runs by itself

    @property
    def standing(self) -> frozenset[Standing]:
        return self._standing

    def permits(self, kind: Standing) -> bool:
        """Whether what runs by itself may write."""
        return not self.needed or kind in self._standing

    def require(self, kind: Standing) -> None:
        """Raises OperatorError `live.locked` unless `permits`."""
        if not self.permits(kind):
            raise locked()

    def arm_standing(
        self, kinds: Collection[Standing], expected: str, amount: str, account: str, operator: str
    ) -> None:
        """Arm kinds until this console closes, besides those that are armed.

        Args:
            expected: The sum of what waits, as shown; empty when nothing does.

        Raises:
            OperatorError: `live.wrong_amount`, `live.wrong_account`, `live.no_account`, `db.*`.
        """
        _require_amount(amount, expected)
        self._require_account(account)
        words = ", ".join(kind.title for kind in Standing if kind in kinds)
        self._record(operator, "armed in LIVE until the console closes", words, after=expected)
        with self._lock:
            self._standing = self._standing | frozenset(kinds)
        self._on_change()

    def lock_standing(self, operator: str) -> None:
        """Lock all kinds again."""
        with self._lock:
            before, self._standing = self._standing, frozenset()
        if before:
            words = ", ".join(kind.title for kind in Standing if kind in before)
            self._record(operator, "locked LIVE again", words)
        self._on_change()

    def close(self) -> None:
        """The console closes: whatever is armed is locked, on record."""
        if self._permit is not None:
            self.lock(self._permit)
        if self._standing:
            self.lock_standing("system")

    def _require_account(self, typed: str) -> None:
        known = self.account()
        if _plain(typed) not in {_plain(known.name), _plain(known.id)} - {""}:
            raise OperatorError(
                f"This is not the account's name. The key belongs to {known.name or known.id}.",
                fix=f"Type {known.name or known.id} if that is the account you mean; else cancel.",
                code="live.wrong_account",
            )

    def _record(self, operator: str, action: str, subject: str, *, after: str = "", reason: str = "") -> None:
        with self._store.write() as work:
            work.activity.record(operator, action, subject, after=after, reason=reason)
            work.commit()


def locked() -> OperatorError:
    return OperatorError(
        "LIVE is locked: this would change something at Stripe.",
        fix="Arm it: the action itself asks for it, the lock in the environment bar arms what runs by itself.",
        code="live.locked",
    )


def _require_amount(typed: str, expected: str) -> None:
    if expected and _figures(typed) != _figures(expected):
        raise OperatorError(
            f"This is not the amount. It is {expected}.",
            fix=f"Type {expected} if that is what you mean; else cancel.",
            code="live.wrong_amount",
        )


def _figures(amount: str) -> Decimal | None:
    """An amount without signs that change nothing: "$1,250.00" and "1250" are the same. None for none."""
    try:
        return Decimal(amount.strip().replace("$", "").replace(",", "").replace(" ", "").replace("−", "-"))
    except InvalidOperation:
        return None


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
