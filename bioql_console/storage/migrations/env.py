"""Alembic's entry point: runs on the connection it is handed, inside that connection's transaction."""

from alembic import context

from bioql_console.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
