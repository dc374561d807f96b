"""A file of leads, CSV or JSON lines, read and sent to a running Baton in lists.

Each line stands by itself: one that cannot be read is reported and the others are sent. A list carries an
idempotency key made of its own bytes, so that importing the same file again repeats no event.
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

from services.cli.client import BatonClient
from services.cli.errors import Refused
from services.gateway.domain.forms import is_intake_shape, read_form
from services.gateway.domain.sources import HookSource
from shared.errors import BatonError, Reject
from shared.policy.models import SourceDefaults

LIST_ITEMS_MAX: Final = 500
_LIST_BYTES_MAX: Final = 1_000_000
_SOURCE: Final = HookSource("import", defaults=SourceDefaults(channel="import"))
_JSON_LINES_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})


class LeadLine(Struct, frozen=True):
    """One lead of the file as it is sent. `number` counts lines from 1."""

    number: int
    body: bytes


class RejectedLine(Struct, frozen=True):
    """A line that was not accepted, and why."""

    line: int
    problem: str


class ImportResult(Struct, frozen=True):
    """How many leads of a file were accepted, and the lines that were not."""

    accepted: int
    problems: list[RejectedLine]


class FileUnreadable(BatonError):
    """The file does not exist, or is neither CSV nor JSON lines."""


async def send_leads(
    client: BatonClient, lines: Sequence[LeadLine | RejectedLine], *, show_progress: bool
) -> ImportResult:
    """Send the leads; return how many were accepted and which lines were not. Raises as `call` does."""
    problems = [line for line in lines if isinstance(line, RejectedLine)]
    accepted = 0
    with Progress(console=Console(stderr=True), disable=not show_progress) as progress:
        task = progress.add_task("Leads", total=len(lines), completed=len(problems))
        for batch in batches(line for line in lines if isinstance(line, LeadLine)):
            refused = await _send(client, batch)
            problems += refused
            accepted += len(batch) - len(refused)
            progress.advance(task, len(batch))
    return ImportResult(accepted, sorted(problems, key=lambda rejected: rejected.line))


def read_leads(file: Path) -> list[LeadLine | RejectedLine]:
    """Return the leads of a file, CSV unless its name says JSON. Raises `FileUnreadable`."""
    read = json_lines if file.suffix.lower() in _JSON_LINES_SUFFIXES else csv_rows
    try:
        return [*read(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(f"{file}: {error}") from error


def json_lines(file: Path) -> Iterator[LeadLine | RejectedLine]:
    """Yield the leads of a file with one JSON object per line; blank lines are skipped."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                body = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield RejectedLine(number, f"this is not JSON: {error}")
                continue
            if not isinstance(body, dict):
                yield RejectedLine(number, "this is not an object")
            elif is_intake_shape(body):
                yield _lead_line(number, line.strip())
            else:
                yield _form_line(number, body)


def csv_rows(file: Path) -> Iterator[LeadLine | RejectedLine]:
    """Yield the leads of a CSV file whose first row names the columns. Raises `FileUnreadable`."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text, strict=True)
        header = next(rows, None)
        if header is None:
            raise FileUnreadable(f"{file}: the file is empty")
        for row in rows:
            if len(row) > len(header):
                yield RejectedLine(
                    rows.line_num, f"the row has {len(row)} cells, the header has {len(header)}"
                )
            elif any(row):
                yield _form_line(
                    rows.line_num, {name: cell for name, cell in zip(header, row, strict=False) if cell}
                )


def _form_line(number: int, fields: Mapping[str, Any]) -> LeadLine | RejectedLine:
    try:
        return _lead_line(number, msgspec.json.encode(read_form(fields, _SOURCE)))
    except Reject as reject:
        return RejectedLine(number, f"{reject.title}: {reject.detail}")


def _lead_line(number: int, body: bytes) -> LeadLine | RejectedLine:
    too_long = len(body) > _LIST_BYTES_MAX
    return RejectedLine(number, "the line is too long to be sent") if too_long else LeadLine(number, body)


def batches(lines: Iterable[LeadLine]) -> Iterator[list[LeadLine]]:
    """Yield the leads in lists that the gateway accepts: limited in number and in bytes."""
    batch: list[LeadLine] = []
    size = 0
    for line in lines:
        size += len(line.body) + 1
        if batch and (len(batch) == LIST_ITEMS_MAX or size > _LIST_BYTES_MAX):
            yield batch
            batch, size = [], len(line.body) + 1
        batch.append(line)
    if batch:
        yield batch


async def _send(client: BatonClient, batch: Sequence[LeadLine]) -> list[RejectedLine]:
    """Send one list; return the lines that were not accepted."""
    content = b",".join(line.body for line in batch)
    key = {"idempotency-key": f"import-{hashlib.sha256(content).hexdigest()}"}
    try:
        answer = await client.call("POST", "/v1/leads", body=msgspec.Raw(b"[" + content + b"]"), headers=key)
    except Refused as refused:
        if "results" not in refused.problem:
            raise
        answer = refused.problem
    return [
        RejectedLine(batch[result["index"]].number, str(Refused(result["problem"])))
        for result in answer["results"]
        if "problem" in result
    ]
