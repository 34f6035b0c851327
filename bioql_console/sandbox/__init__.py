"""An offline stand-in for Stripe: API, Checkout page, signed delivery, test clock. Imports nothing else of ours."""

from .delivery import RetryPolicy
from .sandbox import Sandbox

__all__ = ["RetryPolicy", "Sandbox"]
