"""Whose a key is, asked of Stripe, and whether this ledger may be worked with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.services.credentials import fingerprint
from bioql_console.services.ports import Store
from bioql_console.services.stripe_types import StripeAccount

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


@dataclass(frozen=True, slots=True)
class StripeDoor:
    """Opens gateways with keys that are not stored yet.

    Args:
        base: Where Stripe is, for each environment; None for Stripe itself.
    """

    base: Callable[[Environment], str | None]

    def gateway(self, environment: Environment, key: str) -> "StripeGateway":
        """A gateway with this key; nothing is sent yet.

        Raises:
            OperatorError: `key.*` when the key can't be right.
        """
        from bioql_console.services.stripe_gateway import StripeGateway

        return StripeGateway(key, environment, base=self.base(environment))

    def account(self, environment: Environment, key: str) -> StripeAccount:
        """Whose key this is.

        Raises:
            OperatorError: `key.*`, `stripe.*`; `key.account_unreadable` when the key may not read its account.
        """
        gateway = self.gateway(environment, key)
        try:
            return gateway.account()
        except OperatorError as error:
            raise _explained(error) from error
        finally:
            gateway.close()


class LedgerBelongs:
    """Keeps what is one account's out of another account's books."""

    def __init__(self, store: Store, environment: Environment, now_ms: Callable[[], int]) -> None:
        self._store, self._environment, self._now_ms = store, environment, now_ms

    def account(self) -> LedgerAccount | None:
        """The account that the ledger belongs to; None before a key was proven."""
        with self._store.read() as work:
            return work.accounts.get(self._environment)

    def proven_ms(self, key_fingerprint: str) -> int | None:
        with self._store.read() as work:
            return work.accounts.proven_ms(key_fingerprint)

    def accept(self, account: StripeAccount, key_fingerprint: str, operator: str, *, change: bool = False) -> None:
        """Note that this key is the ledger's account's; the first such key decides which account that is.

        Args:
            change: The operator wants the ledger to belong to another account from now on.

        Raises:
            OperatorError: `key.other_account`; `key.account_change` when that could be changed, but was not asked for.
        """
        with self._store.write() as work:
            known = work.accounts.get(self._environment)
            found = LedgerAccount(account.id, account.name, self._now_ms())
            if known is not None and known.id != account.id:
                _refuse(found, known, work.accounts.holding(), change)
            if known is None or known.id != account.id:
                work.accounts.set(self._environment, found)
                before = str(known) if known else ""
                action = f"the {self._environment.word} ledger belongs to a Stripe account"
                work.activity.record(operator, action, "credentials", before=before, after=str(found))
            elif known.name != account.name:
                work.accounts.rename(self._environment, account.name)
            work.accounts.prove(key_fingerprint, account.id, self._now_ms())
            work.commit()

    def record(self, operator: str, action: str, *, before: str = "", after: str = "", reason: str = "") -> None:
        """Into the activity trail; secrets by fingerprint only."""
        with self._store.write() as work:
            work.activity.record(operator, action, "credentials", before=before, after=after, reason=reason)
            work.commit()

    def check(self, gateway: "StripeGateway", key: str) -> None:
        """Before the first request with a stored key leaves: is it the ledger's account's?

        Raises:
            OperatorError: `key.other_account`, `key.account_change`; `stripe.*` when Stripe can't be asked.
        """
        try:
            account = gateway.account()
        except OperatorError as error:
            if error.code == "stripe.permission":
                return  # It can't be told; Settings says that the key is not proven.
            raise
        mark = fingerprint(key)
        with self._store.read() as work:
            known = work.accounts.get(self._environment)
            settled = known == LedgerAccount(account.id, account.name, known.since_ms if known else 0)
            if settled and work.accounts.proven_ms(mark) is not None:
                return
            if not self._store.rights.may(Role.OPERATOR):
                # Who may only read notes nothing, and looks at no other account's Stripe beside these books.
                if known is not None and known.id != account.id:
                    _refuse(LedgerAccount(account.id, account.name, 0), known, work.accounts.holding(), change=False)
                return
        self.accept(account, mark, "system")


def _refuse(found: LedgerAccount, known: LedgerAccount, holding: list[str], change: bool) -> None:
    what = f"This key is of another Stripe account: {found}. This ledger belongs to {known}."
    if holding:
        raise OperatorError(
            what,
            fix=f"Use a key of {known.name}. The account can't be changed: the ledger holds its {_listed(holding)}. "
            "For another account, use a data folder or database of its own.",
            code="key.other_account",
        )
    if not change:
        raise OperatorError(
            what,
            fix="The ledger holds nothing of that account yet: save the key in Settings and confirm the change.",
            code="key.account_change",
        )


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _explained(error: OperatorError) -> OperatorError:
    if error.code == "stripe.key_refused":
        return OperatorError(
            f"{error.what} It may be cut off, rolled or deleted.",
            fix="Copy a current key from Stripe's API keys page, whole.",
            code=error.code,
        )
    if error.code == "stripe.permission":
        return OperatorError(
            "The key may not read its own account, so it can't be told whose it is.",
            fix="Set Accounts to Read on Stripe's API keys page, then save the key again.",
            code="key.account_unreadable",
        )
    return error
