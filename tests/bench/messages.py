"""The messages of the path as Pydantic models: their outline, which is less than Baton itself checks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class Person(Part):
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    phone: str | None = None
    country: str | None = None


class Company(Part):
    name: str | None = None
    domain: str | None = None
    industry: str | None = None
    country: str | None = None
    employees: int | None = None
    revenue_usd: int | None = None


class Source(Part):
    channel: str | None = None
    form_id: str | None = None
    page_url: str | None = None


class Consent(Part):
    marketing: bool | None = None
    opted_out: bool = False


class LeadReceived(Part):
    person: Person
    company: Company
    source: Source
    message: str | None = None
    consent: Consent


class LeadEnriched(LeadReceived):
    lead_id: str
    revision: int
    sequence: int
    account: str
    provenance: dict[str, Any]
    enrichment: dict[str, Any]
    occurred_at: datetime


class Score(Part):
    grade: str
    lines: list[dict[str, Any]]


class LeadScored(LeadEnriched):
    score: Score
    signals: dict[str, Any]
    account_view: dict[str, Any]
    policy_version: str


class LeadMessage(Part):
    """Any event about a lead; a form has no id yet."""

    lead_id: str | None = None
    revision: int | None = None
    sequence: int | None = None
    occurred_at: datetime | None = None
