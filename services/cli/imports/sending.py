"""Sends the rows of a file to a running Baton in lists, and reports those that were not accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.progress import Progress

from services.cli.client import BatonClient
from services.cli.errors import Refused, Unreachable
from services.cli.imports.errors_file import ErrorsFile
from services.cli.imports.import_file import OpenedFile, ReadRow
from services.cli.safe_console import SafeConsole

LIST_ITEMS_MAX: Final = 500
LIST_BYTES_MAX: Final = 1_000_000
PROBLEMS_SHOWN: Final = 1_000
"""How many problems a result holds. The errors file has them all."""

_DELAYS_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_TRY_AGAIN: Final = frozenset({429, 503})


class RejectedLine(Struct, frozen=True):
    """A line that was not accepted, and why."""

    line: int
    problem: str


class ImportResult(Struct):
    """How many rows of a file were accepted and how many were not, and the first problems in their order.

    `errors_file` is where all rows with problems are, empty when there is none.
    """

    accepted: int = 0
    rejected: int = 0
    problems: list[RejectedLine] = []
    errors_file: str = ""


class RowSender:
    """Sends rows to one path of the API."""

    def __init__(
        self,
        client: BatonClient,
        path: str,
        errors: ErrorsFile,
        *,
        delays_s: Sequence[float] = _DELAYS_S,
    ) -> None:
        self._client = client
        self._path = path
        self._errors = errors
        self._delays_s = delays_s
        self._has_sent = False

    async def send(self, rows: Iterable[ReadRow], opened: OpenedFile, *, show_progress: bool) -> ImportResult:
        """Send the rows; return what became of them.

        Raises `Refused` for an answer that is about no row, `Unreachable` when Baton stays away. What was
        accepted until then stays accepted: the same import again goes on.
        """
        result = ImportResult()
        with Progress(console=SafeConsole(stderr=True), disable=not show_progress) as progress:
            task = progress.add_task("Reading", total=opened.size if opened.position else None)
            for batch in batches(rows):
                for row, problem in await self._rejected(batch):
                    result.rejected += 1
                    self._errors.write(row.row, problem)
                    if len(result.problems) < PROBLEMS_SHOWN:
                        result.problems.append(RejectedLine(row.line, problem))
                result.accepted += len(batch)
                done = f"{result.accepted - result.rejected} accepted"
                progress.update(
                    task, completed=opened.position() if opened.position else None, description=done
                )
        result.accepted -= result.rejected
        result.errors_file = str(self._errors.path) if self._errors.count else ""
        return result

    async def _rejected(self, batch: Sequence[ReadRow]) -> list[tuple[ReadRow, str]]:
        """Send a list; return the rows that are not accepted, in their order, each with its problem."""
        to_send = [index for index, row in enumerate(batch) if not row.problem]
        problems = {index: row.problem for index, row in enumerate(batch) if row.problem}
        results = await self._post([batch[index].body for index in to_send]) if to_send else []
        for result in results:
            if "problem" in result:
                problems[to_send[result["index"]]] = str(Refused(result["problem"]))
        return [(batch[index], problems[index]) for index in sorted(problems)]

    async def _post(self, bodies: Sequence[bytes]) -> Sequence[dict[str, Any]]:
        """Return the results of a list. Unless it is the first one it is tried again while Baton is away."""
        body = msgspec.Raw(b"[" + b",".join(bodies) + b"]")
        for delay_s in (*self._delays_s, None):
            try:
                answer = await self._client.call("POST", self._path, body=body)
            except (Refused, Unreachable) as error:
                problem = error.problem if isinstance(error, Refused) else {"status": 503}
                if "results" in problem:
                    answer = problem
                elif delay_s is None or not self._has_sent or problem.get("status") not in _TRY_AGAIN:
                    raise
                else:
                    await asyncio.sleep(delay_s)
                    continue
            self._has_sent = True
            results: Sequence[dict[str, Any]] = answer["results"]
            return results
        raise AssertionError("the last attempt returns or raises")


def batches(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    """Yield the rows in lists that the gateway accepts: limited in number and in bytes."""
    batch: list[ReadRow] = []
    size = 0
    for row in rows:
        size += len(row.body) + 1
        if batch and (len(batch) == LIST_ITEMS_MAX or size > LIST_BYTES_MAX):
            yield batch
            batch, size = [], len(row.body) + 1
        batch.append(row)
    if batch:
        yield batch
