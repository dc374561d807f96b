import pytest

from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.tables import metadata


@pytest.mark.parametrize("kind", [EventRow, ViewRow, DeadLetterRow])
def test_rows_are_the_columns_of_their_table_in_order(kind):
    table = metadata.tables[kind.table]
    assert kind.__struct_fields__ == tuple(column.name for column in table.c)
    assert kind.key_fields == tuple(column.name for column in table.primary_key)
