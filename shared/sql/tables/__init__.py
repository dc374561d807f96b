"""Every table of Baton, by the role that alone writes it, in one metadata for Alembic and its check."""

from shared.sql.tables import common, enricher, gateway, ledger, policy, router, scorer
from shared.sql.tables.metadata import metadata

__all__ = ["common", "enricher", "gateway", "ledger", "metadata", "policy", "router", "scorer"]
