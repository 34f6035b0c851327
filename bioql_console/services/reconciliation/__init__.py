"""Comparing our books with Stripe, naming every difference, and mending it."""
