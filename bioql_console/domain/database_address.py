"""Where a team's ledger is, and what a server says of it when it is asked. Never a password."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from bioql_console.domain.environment import Environment
from bioql_console.domain.rights import Rights

PORT = 5432
# libpq's modes, the strictest first, and what each is good for.
TLS_MODES = {
    "verify-full": "Encrypted; the certificate must be this server's",
    "verify-ca": "Encrypted; the certificate must be signed by the authority",
    "require": "Encrypted; any certificate will do",
    "prefer": "Encrypted if the server can",
    "disable": "Not encrypted",
}
CHECKED = ("verify-full", "verify-ca")


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A PostgreSQL database as an operator names it.

    Args:
        host: A name, an address, or the folder of a socket of this machine.
        tls: One of `TLS_MODES`.
        authority: File with the certificates of the authorities that one trusts; empty for those of the system.
    """

    host: str
    database: str
    user: str
    port: int = PORT
    tls: str = "require"
    authority: str = ""

    @property
    def local(self) -> bool:
        """Whether there is no network between."""
        return self.host.startswith("/")

    @property
    def place(self) -> tuple[str, int, str]:
        """What tells one database from another, however and as whom one connects."""
        return self.host.lower(), self.port, self.database

    def url(self) -> str:
        """For the settings and for SQLAlchemy."""
        query = {"host": self.host, "port": str(self.port)} if self.local else {"sslmode": self.tls}
        if not self.local and self.tls in CHECKED:
            query["sslrootcert"] = self.authority or "system"
        host = "" if self.local else f"[{self.host}]" if ":" in self.host else self.host
        place = host if self.local else f"{host}:{self.port}"
        user, database = (quote(name, safe="") for name in (self.user, self.database))
        return f"postgresql+psycopg://{user}@{place}/{database}?{urlencode(query)}"

    @classmethod
    def read(cls, url: str) -> "DatabaseAddress":
        """What a URL says.

        Raises:
            ValueError: it is no PostgreSQL URL.
        """
        parts = urlsplit(url)
        if not parts.scheme.startswith("postgres"):
            raise ValueError("no PostgreSQL URL")
        query = dict(parse_qsl(parts.query))
        authority = query.get("sslrootcert", "")
        return cls(
            host=parts.hostname or query.get("host", ""),
            database=unquote(parts.path.lstrip("/")),
            user=unquote(parts.username or query.get("user", "")),
            port=parts.port or int(query.get("port", PORT)),
            tls=query.get("sslmode", "prefer"),
            authority="" if authority == "system" else authority,
        )

    def words(self) -> str:
        """For a row or a sentence, e.g. "ada@db.uni.example/bioql"."""
        return f"{self.user}@{self.host}{'' if self.port == PORT or self.local else f':{self.port}'}/{self.database}"


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """What a database says when it is asked.

    Args:
        server: e.g. "PostgreSQL 15.4".
        encrypted: None where there is no network between.
        ledger: Whether a ledger is there: "none", "older" or "current".
        rights: None where one may not read it, or where there is none.
        environment: Whose ledger it is; None where it is nobody's yet, or one may not read it.
    """

    server: str
    encrypted: bool | None
    ledger: str
    rights: Rights | None
    environment: Environment | None = None

    def words(self) -> str:
        """All of it in sentences."""
        between = {True: "encrypted", False: "not encrypted", None: "on this computer"}[self.encrypted]
        ledger = {
            "none": "No ledger is there yet: it is made when it is opened.",
            "older": "Its ledger is upgraded when an admin opens it.",
            "current": "",
        }[self.ledger]
        mine = f"You are {self.rights.role.value} there." if self.rights else ""
        return " ".join(part for part in (f"{self.server} answers, {between}.", ledger, mine) if part)
