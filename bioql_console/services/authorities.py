"""Whom we trust over https, read once."""

import ssl
from functools import cache


@cache
def authorities() -> ssl.SSLContext:
    """For every client that asks a server. Each would otherwise read the list anew, which takes 70 ms."""
    import httpx  # takes a moment to import

    return httpx.create_ssl_context(trust_env=False)
