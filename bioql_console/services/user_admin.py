"""What an operator does with a user. Every act leaves a record with its reason."""

import uuid
from collections.abc import Callable

from bioql_console.domain.edits import Conflict
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import Balance, adjustment_fact
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.users import ApiKey, Plan, User, hash_key, new_api_key
from bioql_console.services.changes import Change, Changes
from bioql_console.services.customer_accounts import find_or_make
from bioql_console.services.metering import queue_earlier_usage
from bioql_console.services.ports import Store, Work
from bioql_console.services.refused_keys import RefusedKeys
from bioql_console.services.settlement import close_excessive_links, mirror
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.turns import Turns


class UserAdmin:
    """Edits of users, and finding the user behind a key.

    `seen_version` is the `User.version` that the operator looked at: if somebody edited the user since, nothing is done
    and Conflict is raised. None skips the check.
    """

    def __init__(self, store: Store, stripe: StripeAccess, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._refused = RefusedKeys(store, now_ms)
        self._turns: Turns[int, User] = Turns()

    def authenticate(self, api_key: str) -> User | None:
        """The user with this key; None when there is none or the user is disabled."""
        with self._store.read() as work:
            user = work.users.by_key(hash_key(api_key))
        if user is None:
            self._refused.note(api_key)
        return None if user is None or user.disabled else user

    def create_customer(self, user_id: int, operator: str) -> User:
        """Give a user a Stripe customer, and queue the usage that Stripe's meter still takes.

        A user who has one keeps it.

        Raises:
            OperatorError: `stripe.*`, `user.unknown`, `user.customer_taken`.
        """
        return self._turns.take(user_id, lambda: self._create_customer(user_id, operator))

    def _create_customer(self, user_id: int, operator: str) -> User:
        with self._store.read() as work:
            user = known_user(work, user_id)
        if user.stripe_customer_id:
            return user
        customer = find_or_make(self._stripe.gateway(), user.name, user.email)
        with self._store.write() as work:
            user = known_user(work, user_id)
            if user.stripe_customer_id is None:
                _require_free(work, customer.id, user)
                work.users.set_customer(user_id, customer.id, user.stripe_subscription_id)
                queued = queue_earlier_usage(work, user_id, customer.id, self._now_ms())
                after = f"{customer.id} · {queued:,} earlier runs queued for the meter"
                work.activity.record(operator, "created Stripe customer", _subject(user_id), after=after)
                user = known_user(work, user_id)
            work.commit()
        self._publish("users", "outbox", user_id=user_id)
        return user

    def reissue_key(self, user_id: int, operator: str, reason: str, seen_version: int | None = None) -> str:
        """A new API key; the old one stops working at once. Show it once: only its hash is kept."""
        require_reason(reason)
        key = new_api_key()
        new = ApiKey.of(key)
        with self._store.write() as work:
            user = self._to_edit(work, user_id, seen_version, lambda user: user.key_hint, "a new key")
            work.users.set_key(user_id, new)
            work.activity.record(
                operator, "reissued API key", _subject(user_id), before=user.key_hint, after=new.hint, reason=reason
            )
            work.commit()
        self._publish("users", user_id=user_id)
        return key

    def set_disabled(
        self, user_id: int, disabled: bool, operator: str, reason: str, seen_version: int | None = None
    ) -> None:
        """Stop or allow the user's key. What is owed stays owed."""
        require_reason(reason)
        words = ("enabled", "disabled")
        with self._store.write() as work:
            user = self._to_edit(work, user_id, seen_version, lambda user: words[user.disabled], words[disabled])
            if user.disabled == disabled:
                return
            work.users.set_disabled(user_id, disabled)
            before, after = words[user.disabled], words[disabled]
            work.activity.record(
                operator, f"{after} user", _subject(user_id), before=before, after=after, reason=reason
            )
            work.commit()
        self._publish("users", user_id=user_id)

    def set_plan(self, user_id: int, plan: Plan, operator: str, reason: str, seen_version: int | None = None) -> None:
        """Another plan, from the next run on."""
        require_reason(reason)
        with self._store.write() as work:
            user = self._to_edit(work, user_id, seen_version, lambda user: user.plan.value, plan.value)
            if user.plan is plan:
                return
            work.users.set_plan(user_id, plan)
            before, after = user.plan.value, plan.value
            work.activity.record(
                operator, "changed plan", _subject(user_id), before=before, after=after, reason=reason.strip()
            )
            work.commit()
        self._publish("users", user_id=user_id)

    def adjust(
        self, user_id: int, owes_micros: int, operator: str, reason: str, adjustment_id: str | None = None
    ) -> None:
        """Correct a balance: positive when the user owes more by it.

        Args:
            adjustment_id: Makes a second call with the same id harmless; a new one when None.

        Raises:
            OperatorError: `adjustment.empty`, `user.no_reason`, `user.unknown`.
        """
        require_reason(reason)
        if not owes_micros:
            raise OperatorError("The adjustment is zero.", fix="Enter an amount.", code="adjustment.empty")
        source = adjustment_id or uuid.uuid4().hex
        with self._store.write() as work:
            before = known_user(work, user_id).balance
            if not work.ledger.post(
                adjustment_fact(source, user_id, owes_micros, self._now_ms(), reason.strip(), operator)
            ):
                return
            user = known_user(work, user_id)
            mirror(work, user, f"adjustment-{source}", owes_micros, self._now_ms(), reason.strip())
            close_excessive_links(work, user, self._now_ms())
            after = user.balance
            work.activity.record(
                operator,
                "adjusted balance",
                _subject(user_id),
                before=_words(before),
                after=_words(after),
                reason=reason.strip(),
            )
            work.commit()
        self._publish("balances", "outbox", user_id=user_id)

    def _to_edit(
        self, work: Work, user_id: int, seen_version: int | None, field: Callable[[User], str], mine: str
    ) -> User:
        """The user, whom nobody else edits meanwhile."""
        user = work.users.to_edit(user_id)
        if user is None:
            raise _unknown(user_id)
        if seen_version not in (None, user.version):
            raise Conflict(
                user.name,
                work.activity.latest(_subject(user_id)),
                theirs=field(user),
                mine=mine,
                version=user.version,
                now_ms=self._now_ms(),
            )
        return user

    def _publish(self, *topics: str, user_id: int) -> None:
        self._changes.publish(*(Change(topic, user_id) for topic in (*topics, "activity")))


def known_user(work: Work, user_id: int) -> User:
    """The user.

    Raises:
        OperatorError: `user.unknown`.
    """
    user = work.users.get(user_id)
    if user is None:
        raise _unknown(user_id)
    return user


def _unknown(user_id: int) -> OperatorError:
    return OperatorError(f"There is no user {user_id}.", fix="Search for the user again.", code="user.unknown")


def _require_free(work: Work, customer_id: str, user: User) -> None:
    holder = work.users.by_customer(customer_id)
    if holder is not None and holder.id != user.id:
        raise OperatorError(
            f"Stripe's customer for {user.email} belongs to user {holder.id} already.",
            fix=f"Compare users {user.id} and {holder.id}; disable the one that is not used.",
            code="user.customer_taken",
        )


def require_reason(reason: str) -> None:
    """Whoever changes money says why.

    Raises:
        OperatorError: `user.no_reason`.
    """
    if not reason.strip():
        raise OperatorError(
            "This needs a reason.", fix="Say why, for whoever reads the activity trail.", code="user.no_reason"
        )


def _words(balance: Balance) -> str:
    if balance.available_credit_micros:
        return f"{plain_dollars(balance.available_credit_micros)} credit"
    return f"{plain_dollars(balance.owed_micros)} owed"


def _subject(user_id: int) -> str:
    return f"user {user_id}"
