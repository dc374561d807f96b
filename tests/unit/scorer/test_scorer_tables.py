from __future__ import annotations

import pytest

from services.scorer.domain.state import AccountRow, RescoreRow, ScoreRow
from services.tables import metadata
from shared.storage.rows import Row


@pytest.mark.parametrize("kind", [ScoreRow, AccountRow, RescoreRow])
def test_the_fields_of_a_row_are_the_columns_of_its_table(kind: type[Row]) -> None:
    table = metadata.tables[kind.table]
    assert list(kind.__struct_fields__) == [column.name for column in table.columns]
    assert list(kind.key_fields) == [column.name for column in table.primary_key]
