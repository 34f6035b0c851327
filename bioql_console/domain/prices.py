"""What a shot costs."""

from dataclasses import dataclass

# A name that ends in "*" matches every backend that starts with the rest.
DEFAULT_PRICES_MICROS: dict[str, int] = {
    "simulator": 10_000,
    "ionq_simulator": 10_000,
    "aws_sv1": 10_000,
    "aws_tn1": 20_000,
    "ibm_*": 3_000_000,
    "ionq_forte": 3_000_000,
    "ionq_qpu": 2_000_000,
    "quera_aquila": 5_000_000,
}


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one shot on the backends that match `pattern`, from `effective_ms` on."""

    pattern: str
    micros_per_shot: int
    effective_ms: int

    def matches(self, backend: str) -> bool:
        return matches(self.pattern, backend)


def matches(pattern: str, backend: str) -> bool:
    """Whether a pattern ("ibm_torino", "ibm_*", "*") names a backend, both in their normal spelling."""
    if pattern.endswith("*"):
        return backend.startswith(pattern[:-1])
    return backend == pattern


@dataclass(frozen=True, slots=True)
class PriceRecord:
    """A price with who set it, and why."""

    price: Price
    operator: str
    reason: str


class UnknownBackend(LookupError):
    """No price is set for a backend, so its shots can't be billed."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Every price ever set. Old usage keeps the price of its time."""

    prices: tuple[Price, ...]

    def micros_per_shot(self, backend: str, at_ms: int) -> int:
        """The price in force at a time; an exact name wins over a pattern, a later price over an earlier.

        Raises:
            UnknownBackend: nothing matches.
        """
        name = normal_backend(backend)
        in_force = [price for price in self.prices if price.effective_ms <= at_ms and price.matches(name)]
        if not in_force:
            raise UnknownBackend(backend)
        best = max(
            in_force, key=lambda price: (not price.pattern.endswith("*"), len(price.pattern), price.effective_ms)
        )
        return best.micros_per_shot


def normal_backend(backend: str) -> str:
    """One spelling for a backend: lower case, with underscores for blanks and dashes."""
    return backend.strip().lower().replace(" ", "_").replace("-", "_")
