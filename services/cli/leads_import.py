"""`baton leads import`: a file of leads, CSV or JSON lines, sent in lists; each line stands by itself.

A list carries a key made of its own bytes, so that a file that is imported again repeats no event.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from services.cli.client import Client
from services.cli.errors import Refused
from services.gateway.domain.forms import is_intake_shape, read_form
from services.gateway.domain.sources import HookSource
from shared.errors import BatonError, Reject
from shared.policy.models import SourceDefaults

AT_ONCE: Final = 500
_LIST_BYTES_MAX: Final = 1_000_000
_SOURCE: Final = HookSource("import", defaults=SourceDefaults(channel="import"))
_LINES: Final = frozenset({".jsonl", ".ndjson", ".json"})


class Line(Struct, frozen=True):
    """One lead of the file as it is sent. `number` counts lines from 1."""

    number: int
    body: bytes


class Wrong(Struct, frozen=True):
    """A line that was not accepted, and why."""

    line: int
    problem: str


class Imported(Struct, frozen=True):
    """What came of a file."""

    accepted: int
    problems: list[Wrong]


class FileUnreadable(BatonError):
    """The file is not there, or is neither CSV nor JSON lines."""


async def import_leads(client: Client, lines: Sequence[Line | Wrong], *, show_progress: bool) -> Imported:
    """Send the leads; what could not be read is counted among the problems. Raises as `Client.call`."""
    problems = [line for line in lines if isinstance(line, Wrong)]
    accepted = 0
    with Progress(console=Console(stderr=True), disable=not show_progress) as progress:
        task = progress.add_task("Leads", total=len(lines), completed=len(problems))
        for batch in _batches(line for line in lines if isinstance(line, Line)):
            refused = await _send(client, batch)
            problems += refused
            accepted += len(batch) - len(refused)
            progress.advance(task, len(batch))
    return Imported(accepted, sorted(problems, key=lambda wrong: wrong.line))


def read_leads(file: Path) -> list[Line | Wrong]:
    """Return the leads of a file, CSV unless its name says JSON. Raises `FileUnreadable`."""
    read = _json_lines if file.suffix.lower() in _LINES else _csv_rows
    try:
        return [*read(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(f"{file}: {error}") from error


def _json_lines(file: Path) -> Iterator[Line | Wrong]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                body = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Wrong(number, f"this is not JSON: {error}")
                continue
            if not isinstance(body, dict):
                yield Wrong(number, "this is not an object")
            elif is_intake_shape(body):
                yield _line(number, line.strip())
            else:
                yield _form(number, body)


def _csv_rows(file: Path) -> Iterator[Line | Wrong]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text, strict=True)
        header = next(rows, None)
        if header is None:
            raise FileUnreadable(f"{file}: the file is empty")
        for row in rows:
            if len(row) > len(header):
                yield Wrong(rows.line_num, f"the row has {len(row)} cells, the header has {len(header)}")
            elif any(row):
                yield _form(
                    rows.line_num, {name: cell for name, cell in zip(header, row, strict=False) if cell}
                )


def _form(number: int, fields: Mapping[str, Any]) -> Line | Wrong:
    try:
        return _line(number, msgspec.json.encode(read_form(fields, _SOURCE)))
    except Reject as reject:
        return Wrong(number, f"{reject.title}: {reject.detail}")


def _line(number: int, body: bytes) -> Line | Wrong:
    too_long = len(body) > _LIST_BYTES_MAX
    return Wrong(number, "the line is too long to be sent") if too_long else Line(number, body)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        size += len(line.body) + 1
        if batch and (len(batch) == AT_ONCE or size > _LIST_BYTES_MAX):
            yield batch
            batch, size = [], len(line.body) + 1
        batch.append(line)
    if batch:
        yield batch


async def _send(client: Client, batch: Sequence[Line]) -> list[Wrong]:
    """Send one list; return what was not accepted of it."""
    content = b",".join(line.body for line in batch)
    key = {"idempotency-key": f"import-{hashlib.sha256(content).hexdigest()}"}
    try:
        answer = await client.call("POST", "/v1/leads", body=msgspec.Raw(b"[" + content + b"]"), headers=key)
    except Refused as refused:
        if "results" not in refused.problem:
            raise
        answer = refused.problem
    return [
        Wrong(batch[result["index"]].number, str(Refused(result["problem"])))
        for result in answer["results"]
        if "problem" in result
    ]
