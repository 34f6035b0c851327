"""Who calls, and whether they may at this rate."""

import asyncio
from typing import NoReturn

from starlette.requests import Request

from bioql_console.domain.users import User, hash_key
from bioql_console.server.limits import MINUTE_MS, SECOND_MS, TokenBuckets, network_of
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import INVALID_KEY, ApiError, DevKey, bearer_key, blocking


class Gate:
    """Lets valid keys in. Belongs to one event loop, like the server it stands before.

    A key is looked up by its hash, so the time it takes tells nothing about other keys. Keys that were right before
    have buckets of their own; only they do, so that nobody can crowd them out with invented ones.
    """

    def __init__(self, parts: ServerParts) -> None:
        limits, clock_ms = parts.limits, parts.monotonic_ms
        self._parts = parts
        self._requests = TokenBuckets(limits.requests_per_second, SECOND_MS, clock_ms)
        self._wrong_keys = TokenBuckets(limits.wrong_keys_per_minute, MINUTE_MS, clock_ms)
        self._registrations = TokenBuckets(limits.registrations_per_minute, MINUTE_MS, clock_ms)
        self._doubtful = asyncio.Semaphore()

    async def bearer(self, request: Request) -> User | None:
        """Whose key a dashboard's request brings, see `user`."""
        return await self.user(request, bearer_key(request))

    async def user(self, request: Request, key: str) -> User | None:
        """Whose key it is; None for a dev key where those are allowed.

        Raises:
            ApiError: 401, or 429 when the key or the client's address asks too often.
        """
        if isinstance(key, DevKey):
            if not self._parts.dev_keys_allowed:
                raise ApiError(401, INVALID_KEY)
            return None
        name, address = hash_key(key), _address(request)
        if name in self._requests:
            return await self._known(key, name, address)
        return await self._stranger(key, name, address)

    def registering(self, request: Request) -> None:
        """Count a registration. Raises ApiError 429."""
        if wait_ms := self._registrations.take(_address(request)):
            _refuse(wait_ms, "Too many registrations from this address")

    async def _known(self, key: str, name: str, address: str) -> User:
        self._count(name)
        user = await self._look_up(key)
        if user is None:  # reissued or disabled since
            self._requests.forget(name)
            _refuse_key(self._wrong_keys.take(address))
        return user

    async def _stranger(self, key: str, name: str, address: str) -> User:
        """A key that may be wrong. Its token is taken before the database is asked, and given back if it was right.

        An address without tokens is not shut out, or whoever floods it would shut out its valid keys: its strangers
        are looked up one after the other, so that a flood never has more of the database than one look-up at a time.
        """
        wait_ms = self._wrong_keys.take(address)
        if wait_ms:
            async with self._doubtful:
                user = await self._look_up(key)
        else:
            user = await self._look_up(key)
        if user is None:
            _refuse_key(wait_ms)
        if not wait_ms:
            self._wrong_keys.give_back(address)
        self._count(name)
        return user

    async def _look_up(self, key: str) -> User | None:
        return await blocking(self._parts, self._parts.user_admin.authenticate, key)

    def _count(self, name: str) -> None:
        if wait_ms := self._requests.take(name):
            _refuse(wait_ms, "Too many requests with this API key")


def _refuse_key(wait_ms: int) -> NoReturn:
    if wait_ms:
        _refuse(wait_ms, "Too many wrong API keys from this address")
    raise ApiError(401, INVALID_KEY)


def _refuse(wait_ms: int, why: str) -> NoReturn:
    seconds = -(-wait_ms // SECOND_MS)
    words = f"{why}; try again in {seconds} second{'' if seconds == 1 else 's'}"
    raise ApiError(429, words, {"Retry-After": str(seconds)})


def _address(request: Request) -> str:
    return network_of(request.client.host) if request.client else ""
