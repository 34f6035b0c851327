"""How often somebody may ask: a token bucket for each, in bounded memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

SECOND_MS = 1_000
MINUTE_MS = 60_000
MOST_BUCKETS = 20_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator set, see `settings.py`."""

    requests_per_second: int
    wrong_keys_per_minute: int
    registrations_per_minute: int


class TokenBuckets:
    """`count` tokens in `per_ms` for each name, as many at once; a new name starts with all of them.

    Beyond `most` names, the one that was not heard of for longest is forgotten: whoever has many names can fill
    no memory, and gains no more by it than the names bring.
    """

    def __init__(self, count: int, per_ms: int, clock_ms: Callable[[], int], most: int = MOST_BUCKETS) -> None:
        self._count = count
        self._token = per_ms
        self._clock_ms = clock_ms
        self._most = most
        # Parts of a token, `per_ms` of them to one, so that all is in whole numbers; and when they were counted.
        self._buckets: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def __contains__(self, name: str) -> bool:
        return name in self._buckets

    def take(self, name: str) -> int:
        """Take a token. Returns 0, or how many ms until there is one."""
        parts = self._parts(name)
        missing = self._token - parts
        self._keep(name, parts if missing > 0 else parts - self._token)
        return max(0, -(-missing // self._count))

    def give_back(self, name: str) -> None:
        """Undo a `take`."""
        self._keep(name, min(self._parts(name) + self._token, self._count * self._token))

    def forget(self, name: str) -> None:
        self._buckets.pop(name, None)

    def _parts(self, name: str) -> int:
        full, now_ms = self._count * self._token, self._clock_ms()
        parts, at_ms = self._buckets.get(name, (full, now_ms))
        return min(full, parts + (now_ms - at_ms) * self._count)

    def _keep(self, name: str, parts: int) -> None:
        self._buckets[name] = (parts, self._clock_ms())
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


def network_of(host: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 network, since there everybody has 2⁶⁴ addresses."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))
