"""Where users came from that another database had first."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from bioql_console.storage.tables import Id, metadata

imports = Table(
    "imports",
    metadata,
    Column("id", Id, primary_key=True),
    # Names a file through all its versions.
    Column("lineage", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("imported_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False),
    Column("users", BigInteger, nullable=False),
    Column("usage_rows", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
)

imported_users = Table(
    "imported_users",
    metadata,
    Column("lineage", Integer, primary_key=True, autoincrement=False),
    Column("legacy_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
)
