"""The metadata that all tables share; constraint names are fixed so that migrations can name them."""

from typing import Final

from sqlalchemy import MetaData

HOUSEKEEPING: Final = "housekeeping"
"""Set in the `info` of tables that are written while nothing happens, as heartbeats are."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
