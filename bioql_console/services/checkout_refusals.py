"""Why a link is not made right now."""

from bioql_console.domain.checkout import CheckoutLink
from bioql_console.domain.errors import OperatorError


def busy(link: CheckoutLink) -> OperatorError:
    return OperatorError(
        f"Another console makes a link for {link.user_name or 'this user'} right now.",
        fix="Wait a moment; its link is on the Payments page.",
        code="checkout.busy",
    )


def changed(link: CheckoutLink) -> OperatorError:
    return OperatorError(
        f"{link.user_name or 'The user'} owes less than when the link was asked for.",
        fix="Make the link again.",
        code="checkout.changed",
    )
