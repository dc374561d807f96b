"""A role that runs as a process of its own has every table that it writes to."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CHECK = """
import importlib, sys
from shared.storage.metadata import metadata
from shared.storage.rows import Row

importlib.import_module(sys.argv[1] + ".bootstrap")

def row_types(kind):
    for row_type in kind.__subclasses__():
        yield row_type
        yield from row_types(row_type)

own = {kind for kind in row_types(Row) if kind.table and kind.__module__.startswith((sys.argv[1], "shared.worker"))}
print(sorted({kind.table for kind in own if kind.table not in metadata.tables}))
"""


@pytest.mark.parametrize("role", ["gateway", "enricher", "scorer", "router", "ledger"])
def test_the_tables_of_a_role_are_declared_when_it_is_imported_alone(role: str):
    """A row names its table; a role that forgets to import its tables would fail at its first write."""
    command = [sys.executable, "-c", _CHECK, f"services.{role}"]
    checked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert checked.stdout == "[]\n", checked.stderr
