"""The committed JSON Schemas of integrations are those of the models."""

from pathlib import Path

import pytest

from shared.integrations.schema import SCHEMAS
from shared.policy.schema import as_file, schema_of_model

CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_generated(name: str) -> None:
    """If not: `python -m shared.integrations.schema config/schemas`."""
    assert (CONFIG / "schemas" / name).read_text() == as_file(schema_of_model(SCHEMAS[name]))
