"""The BioQL operator console: billing core, server, offline Stripe and desktop window."""

__version__ = "0.1.0"
