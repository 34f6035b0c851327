"""What somebody may do in a team's ledger. The database decides it; this only says it."""

import re
from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.errors import OperatorError


class Role(Enum):
    """Group roles of a team's PostgreSQL, in their order: each may also do what the one before it may."""

    VIEWER = "bioql_viewer"
    OPERATOR = "bioql_operator"
    ADMIN = "bioql_admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


MEANING = {
    Role.VIEWER: "read everything, change nothing",
    Role.OPERATOR: "the daily work",
    Role.ADMIN: "the daily work, prices and plans, imports, upgrades of the database",
}


@dataclass(frozen=True, slots=True)
class Rights:
    """What the database lets its user do.

    Args:
        user: Name in the database; empty for a file of one's own, in which one may do everything.
    """

    role: Role
    user: str = ""

    def may(self, needed: Role) -> bool:
        return self.role.rank >= needed.rank

    def lacking(self, needed: Role) -> str:
        """Which right is missing and how to get it; empty when it is there."""
        return (
            "" if self.may(needed) else f"Needs {needed.value}; you are {self.role.value}. {ask_for(needed, self.user)}"
        )

    def require(self, needed: Role, what: str = "Nothing was changed: you may not do this.") -> None:
        """Go on only with this right.

        Raises:
            OperatorError: `db.right_missing`.
        """
        if not self.may(needed):
            raise right_missing(what, needed, self)


EVERYTHING = Rights(Role.ADMIN)


def right_missing(what: str, needed: Role, rights: Rights) -> OperatorError:
    """What was refused, and the right that would allow it."""
    return OperatorError(what, fix=rights.lacking(needed) or ask_for(needed, rights.user), code="db.right_missing")


def ask_for(role: Role, user: str) -> str:
    """Whom to ask for a role, and for what."""
    return f"Ask whoever runs the database for: GRANT {role.value} TO {quoted(user)};"


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
