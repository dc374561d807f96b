"""The jobs of vendors in the database: a look-up that comes again polls the job, also in another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sqlalchemy import delete, select, update

from services.enricher.domain.providers import ProviderQuery
from services.enricher.domain.record import ROLE
from services.enricher.domain.vendor_jobs import VendorJobRow, job_about
from services.enricher.tables import provider_jobs
from services.gateway.domain.provider_posts import post_purpose
from services.gateway.tables import provider_posts
from shared.clock import Clock
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.worker.tables import timers

_WOKEN_MAX: Final = 500


class JobStore(Protocol):
    """Port: the jobs that were submitted, and what vendors posted of them. All raise `Retry`."""

    async def find(self, query: ProviderQuery) -> VendorJobRow | None:
        """Return the job of an earlier question with this key, None without one that is not expired."""
        ...

    async def keep(self, rows: Sequence[VendorJobRow]) -> None:
        """Return once the jobs are stored."""
        ...

    async def drop(self, row: VendorJobRow) -> None:
        """Forget a job that the vendor does not have any more, so that its question may be asked again."""
        ...

    async def posted(self, row: VendorJobRow) -> bytes | None:
        """Return the body that the vendor posted of a job's submission, None without one."""
        ...


class VendorJobs:
    """The jobs of all providers and processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, query: ProviderQuery) -> VendorJobRow | None:
        async with self._database.read() as tx:
            rows = await tx.load(VendorJobRow, "about", [job_about(query)])
        now, asked = self._clock.now(), (query.provider, query.subject)
        own = (row for row in rows if (row.provider, row.subject) == asked and row.expires_at > now)
        return next(own, None)

    async def keep(self, rows: Sequence[VendorJobRow]) -> None:
        changes = IdentityMap()
        changes.apply([Put(row) for row in rows])
        async with self._database.begin() as tx:
            await tx.write(changes)

    async def drop(self, row: VendorJobRow) -> None:
        table = provider_jobs.c
        same = (table.provider == row.provider, table.subject == row.subject, table.about == row.about)
        async with self._database.begin() as tx:
            await tx.execute(delete(provider_jobs).where(*same, table.job == row.job))

    async def posted(self, row: VendorJobRow) -> bytes | None:
        statement = select(provider_posts.c.body).where(provider_posts.c.submission == row.submission)
        async with self._database.read() as tx:
            body = (await tx.execute(statement)).scalar()
        return None if body is None else bytes(body)

    async def wake_waiting(self) -> bool:
        """Look the leads up again at once that wait for an answer which was posted meanwhile.

        Return whether there are more. Raises `Retry`.
        """
        waiting = (
            select(provider_jobs.c.submission, provider_jobs.c.lead_id)
            .join(provider_posts, provider_posts.c.submission == provider_jobs.c.submission)
            .where(~provider_jobs.c.is_woken)
            .limit(_WOKEN_MAX)
        )
        async with self._database.read() as tx:
            found = (await tx.execute(waiting)).all()
        if not found:
            return False
        now = self._clock.now()
        lead_ids = sorted({row.lead_id for row in found if row.lead_id})
        due_now = (
            update(timers)
            .where(timers.c.role == ROLE, timers.c.subject.in_(lead_ids), timers.c.due_at > now)
            .values(due_at=now)
        )
        woken = update(provider_jobs).where(provider_jobs.c.submission.in_({row.submission for row in found}))
        async with self._database.begin() as tx:
            await tx.execute(due_now)
            await tx.execute(woken.values(is_woken=True))
        return len(found) == _WOKEN_MAX


class CallbackAddresses:
    """Makes the addresses to which vendors post their answers. `seal(text, purpose=…)` is a vault's.

    `public_url` is where the gateway can be reached from outside.
    """

    def __init__(self, public_url: str, seal: Callable[..., str]) -> None:
        self._public_url = public_url
        self._seal = seal

    def address(self, provider: str, submission: str) -> str:
        """Return the address for the answers of a submission."""
        token = self._seal(submission, purpose=post_purpose(provider))
        return f"{self._public_url.rstrip('/')}/hooks/providers/{provider}/{token}"
