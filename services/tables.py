"""Every table of Baton, in one metadata: what Alembic and the check of the migrations compare with."""

import shared.policy.tables
import shared.worker.tables  # noqa: F401 - importing a module declares its tables
from shared.storage.metadata import metadata

__all__ = ["metadata"]
