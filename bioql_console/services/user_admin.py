"""What an operator does with a user. Every act leaves a record with its reason."""

import uuid
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import adjustment_fact
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.users import ApiKey, User, hash_key, new_api_key
from bioql_console.services.changes import Change, Changes
from bioql_console.services.metering import OLDEST_METERED_MS, queue_usage
from bioql_console.services.ports import Store, Work
from bioql_console.services.stripe_access import StripeAccess

MOST_RUNS_TO_QUEUE = 100_000


class UserAdmin:
    """Edits of users, and finding the user behind a key."""

    def __init__(self, store: Store, stripe: StripeAccess, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms

    def authenticate(self, api_key: str) -> User | None:
        """The user with this key; None when there is none or the user is disabled."""
        with self._store.read() as work:
            user = work.users.by_key(hash_key(api_key))
        return None if user is None or user.disabled else user

    def create_customer(self, user_id: int, operator: str) -> User:
        """Give a user a Stripe customer, and queue the usage that Stripe's meter still takes.

        Raises:
            OperatorError: `stripe.*`, `user.unknown`.
        """
        with self._store.read() as work:
            user = _known(work, user_id)
        if user.stripe_customer_id:
            return user
        customer = self._stripe.gateway().create_customer(
            user.name, user.email, f"user-{user_id}", f"customer-{user_id}-{user.created_ms}"
        )
        with self._store.write() as work:
            user = _known(work, user_id)
            if user.stripe_customer_id is None:
                work.users.set_customer(user_id, customer, user.stripe_subscription_id)
                oldest = self._now_ms() - OLDEST_METERED_MS
                for usage in work.usage.recent(user_id, MOST_RUNS_TO_QUEUE):
                    if usage.succeeded and usage.at_ms >= oldest:
                        queue_usage(work, usage, customer)
                work.activity.record(operator, "created Stripe customer", f"user {user_id}", after=customer)
            user = _known(work, user_id)
            work.commit()
        self._changes.publish(Change("users", user_id), Change("outbox"))
        return user

    def reissue_key(self, user_id: int, operator: str, reason: str) -> str:
        """A new API key; the old one stops working at once. Show it once: only its hash is kept."""
        key = new_api_key()
        with self._store.write() as work:
            user = _known(work, user_id)
            new = ApiKey.of(key)
            work.users.set_key(user_id, new)
            work.activity.record(
                operator, "reissued API key", f"user {user_id}", before=user.key_hint, after=new.hint, reason=reason
            )
            work.commit()
        self._changes.publish(Change("users", user_id))
        return key

    def set_disabled(self, user_id: int, disabled: bool, operator: str, reason: str) -> None:
        """Stop or allow the user's key. What is owed stays owed."""
        with self._store.write() as work:
            user = _known(work, user_id)
            if user.disabled != disabled:
                work.users.set_disabled(user_id, disabled)
                words = ("enabled", "disabled")
                work.activity.record(
                    operator,
                    f"{words[disabled]} user",
                    f"user {user_id}",
                    before=words[user.disabled],
                    after=words[disabled],
                    reason=reason,
                )
            work.commit()
        self._changes.publish(Change("users", user_id))

    def adjust(self, user_id: int, owes_micros: int, operator: str, reason: str) -> None:
        """Correct a balance: positive when the user owes more by it.

        Raises:
            OperatorError: `adjustment.empty`, `adjustment.no_reason`.
        """
        if not owes_micros:
            raise OperatorError("The adjustment is zero.", fix="Enter an amount.", code="adjustment.empty")
        if not reason.strip():
            raise OperatorError(
                "An adjustment needs a reason.",
                fix="Say why, for whoever reads the ledger.",
                code="adjustment.no_reason",
            )
        with self._store.write() as work:
            before = _known(work, user_id).balance
            fact = adjustment_fact(uuid.uuid4().hex, user_id, owes_micros, self._now_ms(), reason, operator)
            work.ledger.post(fact)
            after = _known(work, user_id).balance
            work.activity.record(
                operator,
                "adjusted balance",
                f"user {user_id}",
                before=plain_dollars(before.receivable_micros + before.credit_micros),
                after=plain_dollars(after.receivable_micros + after.credit_micros),
                reason=reason,
            )
            work.commit()
        self._changes.publish(Change("balances", user_id))


def _known(work: Work, user_id: int) -> User:
    user = work.users.get(user_id)
    if user is None:
        raise OperatorError(f"There is no user {user_id}.", fix="Search for the user again.", code="user.unknown")
    return user
