"""Rows of a file as bodies of `POST /v1/leads`.

Each body carries an `event_id` that follows from what was read of its row. So a row is one event in whatever
file, place or order it stands, a repeated import changes nothing, and a changed row is a new revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final

import msgspec
from msgspec import structs

from services.cli.imports.cell_values import ColumnReading, form_pairs, read_columns
from services.cli.imports.errors_file import PROBLEM_COLUMNS
from services.cli.imports.import_file import ImportRow, OpenedFile, ReadRow
from services.cli.imports.json_rows import JsonRow
from services.gateway.domain.csv_table import TableRow, UnreadableRow
from services.gateway.domain.form_fields import form_fields
from services.gateway.domain.forms import is_intake_shape, read_form
from services.gateway.domain.received import digest
from services.gateway.domain.sources import HookSource
from shared.errors import Reject
from shared.policy.models import SourceDefaults

SAMPLE_ROWS: Final = 200
"""How many rows show how dates are written."""
LEAD_BYTES_MAX: Final = 900_000

_SOURCE: Final = HookSource("import", defaults=SourceDefaults(channel="import"))


def known_headings(cells: Sequence[str]) -> int:
    """Return how many cells of a row are labels of a lead's fields."""
    return sum(
        field.stands_for is not None for field in form_fields([(cell, "-") for cell in cells], _SOURCE)
    )


def read_leads(opened: OpenedFile) -> tuple[list[ColumnReading], Iterator[ReadRow]]:
    """Return how the columns of a file are read, and its rows as leads."""
    sample = list(islice(opened.rows, SAMPLE_ROWS))
    cells = [row.cells for row in sample if isinstance(row, TableRow)]
    # What a former import said of a row is no part of its lead.
    readings = read_columns(opened.columns, cells, opened.separator, _SOURCE, ignored=PROBLEM_COLUMNS)
    return readings, (_read_row(row, readings) for row in chain(sample, opened.rows))


def _read_row(row: ImportRow, readings: Sequence[ColumnReading]) -> ReadRow:
    if isinstance(row, UnreadableRow):
        return ReadRow(row.line, row, problem=row.problem)
    try:
        if isinstance(row, JsonRow) and is_intake_shape(row.body):  # as the API takes it
            body = msgspec.json.encode({**row.body, "event_id": _event_id(row.body)})
        else:
            form = row.body if isinstance(row, JsonRow) else form_pairs(readings, row.cells)
            lead = read_form(form, _SOURCE)
            body = msgspec.json.encode(structs.replace(lead, event_id=_event_id(lead)))
    except Reject as reject:
        return ReadRow(row.line, row, problem=f"{reject.title}: {reject.detail}")
    except (RecursionError, TypeError, ValueError) as error:
        return ReadRow(row.line, row, problem=str(error))
    if len(body) > LEAD_BYTES_MAX:
        return ReadRow(row.line, row, problem="the row is too long to be sent")
    return ReadRow(row.line, row, body)


def _event_id(content: Any) -> str:
    return f"import-{digest(content)}"
