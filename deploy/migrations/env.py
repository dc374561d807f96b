"""Alembic's way in: it runs on the connection that `shared.sql.migrate` hands over, and nowhere else."""

from alembic import context

from shared.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
