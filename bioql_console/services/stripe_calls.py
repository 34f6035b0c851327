"""What the groups of Stripe calls are built on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from bioql_console.services.stripe_errors import not_understood
from bioql_console.services.stripe_types import Content

R = TypeVar("R")
PAGE = 100


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
