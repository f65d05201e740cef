"""Run by alembic: brings the database of the given connection to the newest revision."""

from __future__ import annotations

from alembic import context

from softswitch.store.schema import metadata

connection = context.config.attributes["connection"]
# One transaction for all steps (SQLite has transactional DDL): a crash in between leaves the old version.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
