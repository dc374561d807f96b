"""Every table of Baton in one metadata, which Alembic and the check of the migrations compare with.

Importing a module declares its tables. The `tables.py` of each service is found, not listed, so that a new
one cannot be forgotten: Alembic would take its tables for ones to drop.
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import services
import shared.policy.tables
import shared.worker.tables  # noqa: F401 - imported for the tables that it declares
from shared.storage.metadata import metadata

__all__ = ["metadata"]

for _service in iter_modules(services.__path__):
    if _service.ispkg and find_spec(f"services.{_service.name}.tables"):
        import_module(f"services.{_service.name}.tables")
