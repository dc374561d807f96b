from __future__ import annotations

import pytest

from services.enricher.domain.providers import CachedAnswerRow, SpendRow
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.tables import metadata


@pytest.mark.parametrize("kind", [LeadRow, IdentifierRow, AliasRow, CachedAnswerRow, SpendRow])
def test_rows_are_the_columns_of_their_table_in_order(kind):
    table = metadata.tables[kind.table]
    assert kind.__struct_fields__ == tuple(column.name for column in table.c)
    assert kind.key_fields == tuple(column.name for column in table.primary_key)
