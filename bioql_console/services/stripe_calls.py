"""What the groups of Stripe calls are built on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from bioql_console.services.stripe_errors import RepeatedFailure, not_understood
from bioql_console.services.stripe_types import Content

R = TypeVar("R")
PAGE = 100
# So many keys are tried for one thing when Stripe repeats its failure of each.
KEYS = 20


class StripeCalls(ABC):
    """Calls stripe-python's services and hands back plain content of this environment.

    Attributes:
        v1: stripe-python's `StripeClient.v1`.
    """

    v1: Any

    @abstractmethod
    def ask(self, call: Callable[..., Any], *args: object) -> Content:
        """The answer's content.

        Raises:
            CardRefused: the card was refused.
            OperatorError: `stripe.*`, `live.locked`.
        """

    @abstractmethod
    def ask_all(self, call: Callable[..., Any], *args: object) -> Iterator[Content]:
        """Every object of a list, page after page. Raises like `ask`."""

    @abstractmethod
    def ask_pages(self, path: str, params: Content) -> Iterator[list[Content]]:
        """Every page of a list, as plain content: for many objects, of which stripe-python would make objects of its
        own at a millisecond each. Raises like `ask`.

        Args:
            path: E.g. "/v1/charges".
        """

    def once(self, key: str, call: Callable[..., Any], *args: object, look: Callable[[], Content | None]) -> Content:
        """The answer to a call that must have its effect once, asked with an idempotency key.

        Args:
            look: What Stripe has of it already. Asked when Stripe only repeats an earlier failure of its own: the
                call may have been carried out all the same, and this key would be answered so for a day.

        Raises:
            CardRefused, OperatorError: as `ask`.
        """
        for number in range(1, KEYS):
            try:
                return self.ask(call, *args, {"idempotency_key": key if number == 1 else f"{key}~{number}"})
            except RepeatedFailure:
                if (found := look()) is not None:
                    return found
        return self.ask(call, *args, {"idempotency_key": f"{key}~{KEYS}"})

    def again(self, key: str, call: Callable[..., Any], *args: object) -> Content:
        """The answer to a call that changes nothing when it is carried out a second time. Raises like `once`."""
        return self.once(key, call, *args, look=lambda: None)

    def read(self, reader: Callable[[Content], R], content: Content) -> R:
        """What a reader of `stripe_types` makes of the content.

        Raises:
            OperatorError: `stripe.failed` when something is missing that must be there.
        """
        try:
            return reader(content)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise not_understood() from error

    def id(self, content: Content) -> str:
        return self.read(lambda found: str(found["id"]), content)
