"""Alembic's way in: it runs on the connection that `shared.storage.migrate` hands over, and nowhere else."""

from typing import Any

from alembic import context

from services.tables import metadata
from shared.storage.types import Json, UtcTime


def render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Write our column types so that a migration does not depend on the models that they hold."""
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    if kind == "type" and isinstance(item, UtcTime):
        return "shared.storage.types.UtcTime()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
