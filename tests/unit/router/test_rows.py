from __future__ import annotations

import pytest

from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.state import (
    AccountContactRow,
    AccountLockRow,
    AssignmentRow,
    AwayRepRow,
    RepQueueRow,
    RoutedLeadRow,
)
from services.tables import metadata
from shared.storage.rows import Row


@pytest.mark.parametrize("kind", [RoutedLeadRow, AssignmentRow, RepQueueRow, AccountLockRow])
def test_a_row_has_the_columns_of_its_table_in_order(kind: type[Row]):
    table = metadata.tables[kind.table]
    assert [column.name for column in table.columns] == list(kind.__struct_fields__)
    assert tuple(column.name for column in table.primary_key) == kind.key_fields


@pytest.mark.parametrize("kind", [LeadAliasRow, AwayRepRow, AccountContactRow])
def test_what_is_read_of_others_is_there(kind: type[Row]):
    columns = metadata.tables[kind.table].columns
    assert {*kind.__struct_fields__} <= {column.name for column in columns}
