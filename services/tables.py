"""Every table of Baton, in one metadata: what Alembic and the check of the migrations compare with."""

# Importing a module declares its tables.
import services.enricher.tables
import services.gateway.tables
import services.ledger.tables
import services.router.tables
import services.scorer.tables  # noqa: F401
import shared.policy.tables
import shared.worker.tables  # noqa: F401
from shared.storage.metadata import metadata

__all__ = ["metadata"]
