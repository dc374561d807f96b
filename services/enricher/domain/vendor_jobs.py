"""Jobs of vendors that answer later: what was asked under which job, so that nothing is asked twice. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from services.enricher.domain.providers import ProviderQuery
from shared.storage.rows import Row

JOB_KEPT: Final = timedelta(days=1)
"""How long a job answers its question, polled or not; as long as a "no match" is cached."""


class VendorJobRow(Row, frozen=True):
    """A question that a vendor answers later, under `job`.

    The job is polled until `polled_until`, and its question is not asked again before `expires_at`.
    `submission` is the request that asked it, perhaps with others: the vendor may post the answers of that.
    `lead_id` is the lead that asked; `is_woken` is set once it is due again because of a posted answer.
    """

    provider: str
    subject: str
    about: str
    job: str
    submission: str
    lead_id: str | None
    asked_at: datetime
    polled_until: datetime
    expires_at: datetime
    is_woken: bool = False
    table: ClassVar[str] = "provider_jobs"
    key_fields: ClassVar[tuple[str, ...]] = ("provider", "subject", "about")
    indexed: ClassVar[tuple[str, ...]] = ("about", "submission")
    upsert: ClassVar[bool] = True


def job_about(query: ProviderQuery) -> str:
    """Return the name that the job of a question is kept under."""
    return query.key[2] if query.subject == "contacts" else query.about


def job_row(
    query: ProviderQuery, job: str, submission: str, at: datetime, polled_for: timedelta
) -> VendorJobRow:
    """Return the row of a question whose answer comes later."""
    return VendorJobRow(
        provider=query.provider,
        subject=query.subject,
        about=job_about(query),
        job=job,
        submission=submission,
        lead_id=query.target.lead_id,
        asked_at=at,
        polled_until=at + polled_for,
        expires_at=at + max(polled_for, JOB_KEPT),
    )
