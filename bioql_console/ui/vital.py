"""One sign of life, as the status bar shows it."""

NAMES = ("server", "stripe", "webhooks", "database", "keychain")


class Vital:
    """One sign of life.

    Args:
        state: "ok", "warn", "bad" or "unknown".
        words: A few words for the status bar.
        reason: A sentence or two for who asks.
        cure: The one next step; empty when all is well.
        page: Where to cure it.
    """

    __slots__ = ("cure", "page", "reason", "state", "words")

    def __init__(self, state: str, words: str, reason: str = "", cure: str = "", page: str = "") -> None:
        self.state, self.words, self.reason, self.cure, self.page = state, words, reason, cure, page

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vital) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.state, self.words))


UNKNOWN = {name: Vital("unknown", f"{name.capitalize()}: not asked yet") for name in NAMES}
