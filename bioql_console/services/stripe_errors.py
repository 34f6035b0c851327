"""Stripe's failures, said so that an operator knows the next step. No text here ever holds a key."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from bioql_console.domain.errors import OperatorError


class CardRefused(Exception):
    """Stripe refused the card or payment method. The message is Stripe's sentence for the customer."""


def _error(code: str, what: str, fix: str) -> OperatorError:
    return OperatorError(what, fix=fix, code=f"stripe.{code}")


@contextmanager
def explained() -> Iterator[None]:
    """Translate what stripe-python raises.

    Raises:
        CardRefused: the card was refused.
        OperatorError: `stripe.*` for everything else.
    """
    try:
        yield
    except stripe.CardError as error:
        raise CardRefused(error.user_message or "The card was refused.") from error
    except stripe.AuthenticationError as error:
        raise _error(
            "key_refused", "Stripe does not accept the secret key.", "Enter a current key in Settings › Credentials."
        ) from error
    except stripe.PermissionError as error:
        raise _error(
            "permission", "The restricted key may not do this.", "Give it the missing permission in Stripe's dashboard."
        ) from error
    except stripe.RateLimitError as error:
        raise _error("rate_limited", "Stripe asks us to slow down.", "Wait a moment, then retry.") from error
    except stripe.IdempotencyError as error:
        raise _error(
            "idempotency", "Stripe saw the same request with other content.", "Reload the page, then try again."
        ) from error
    except stripe.InvalidRequestError as error:
        if error.http_status == 404:
            raise _error(
                "not_found", f"Stripe does not know {error.param or 'this object'}.", "Check its id."
            ) from error
        text = error.user_message or "the request is not valid"
        raise _error("refused", f"Stripe refused: {text}", "Correct it, then retry.") from error
    except stripe.APIConnectionError as error:
        # The original text can quote the request's headers, so it must not go further than the chained exception.
        raise _error("unreachable", "Stripe can't be reached.", "Check the network, then retry.") from error
    except stripe.StripeError as error:
        raise _error("failed", "Stripe could not answer.", "Retry; what was sent is not doubled.") from error
