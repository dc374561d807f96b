"""Jobs of vendors in memory, for tests in virtual time. It passes the conformance tests of `VendorJobs`."""

from __future__ import annotations

from collections.abc import Sequence

from services.enricher.domain.providers import ProviderQuery
from services.enricher.domain.vendor_jobs import VendorJobRow, job_about
from shared.clock import Clock


class JobsInMemory:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[tuple[str, str, str], VendorJobRow] = {}
        self.bodies: dict[str, bytes] = {}

    async def find(self, query: ProviderQuery) -> VendorJobRow | None:
        row = self._rows.get((query.provider, query.subject, job_about(query)))
        return row if row is not None and row.expires_at > self._clock.now() else None

    async def keep(self, rows: Sequence[VendorJobRow]) -> None:
        self._rows |= {(row.provider, row.subject, row.about): row for row in rows}

    async def drop(self, row: VendorJobRow) -> None:
        self._rows.pop((row.provider, row.subject, row.about), None)

    async def posted(self, row: VendorJobRow) -> bytes | None:
        return self.bodies.get(row.submission)
