"""The values that events are made of: bounded, frozen, the same words in every event.

Field names and nesting are the contract that other systems read; a change that removes or retypes one
needs a new version of every event that carries it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Word = Annotated[str, Meta(max_length=200)]
"""A name, a code, an id."""
Text = Annotated[str, Meta(max_length=2_000)]
"""A URL or a sentence."""
LongText = Annotated[str, Meta(max_length=20_000)]
"""What a person wrote."""
Time = Annotated[datetime, Meta(tz=True)]
"""An instant with its offset (RFC 3339)."""
Count = Annotated[int, Meta(ge=0, le=10**12)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Scalar = str | int | float | bool | None
SourceTrust = Literal["public", "signed", "internal"]
"""What may be believed of a source: anybody may post; it proves itself; it is a system of one's own."""
Answer = Scalar | list[Scalar]
Details = Annotated[dict[Word, Answer | dict[str, Answer]], Meta(max_length=100)]


class EventPart(Struct, frozen=True, omit_defaults=True):
    """A value inside an event. What is absent and what is null mean the same: not known."""


class Person(EventPart, frozen=True, omit_defaults=True):
    """Who is interested."""

    email: Word | None = None
    first_name: Word | None = None
    last_name: Word | None = None
    title: Word | None = None
    phone: Word | None = None
    linkedin_url: Text | None = None
    country: Word | None = None
    email_kind: Literal["work", "free", "disposable", "role", "none"] | None = None
    email_status: Literal["verified", "invalid", "risky", "unknown"] | None = None
    seniority: Literal["cxo", "vp", "director", "manager", "senior", "entry", "student"] | None = None
    department: Word | None = None

    @property
    def full_name(self) -> str | None:
        """First and last name, as far as they are known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None


class Company(EventPart, frozen=True, omit_defaults=True):
    """The organisation; `country` is ISO 3166 alpha-2 once it is normalised, money is whole US dollars."""

    name: Word | None = None
    domain: Word | None = None
    industry: Word | None = None
    country: Word | None = None
    parent: Word | None = None
    employees: Count | None = None
    revenue_usd: Count | None = None
    funding_total_usd: Count | None = None
    growth_pct: Annotated[int, Meta(ge=-100, le=1_000_000)] | None = None
    technologies: Annotated[list[Word], Meta(max_length=500)] = []
    hiring: Annotated[list[Word], Meta(max_length=500)] = []
    last_funding_at: Time | None = None


class Origin(EventPart, frozen=True, omit_defaults=True):
    """Where the lead came from (`source` in the events).

    `honeypot` is set by the gateway alone: whether a field was filled in that people do not see.
    """

    channel: Word | None = None
    name: Word | None = None
    form_id: Word | None = None
    campaign: Word | None = None
    page_url: Text | None = None
    referrer: Text | None = None
    utm: Annotated[dict[Word, Text], Meta(max_length=30)] = {}
    submitted_at: Time | None = None
    honeypot: bool | None = None


class Activity(EventPart, frozen=True, omit_defaults=True):
    """Something the person did. Unknown types are kept and reported as unknown.

    `reported_at` is set by Baton alone, where the reported time lay after the arrival: `at` is the arrival.
    """

    type: Annotated[str, Meta(min_length=1, max_length=100)]
    at: Time
    url: Text | None = None
    details: Details = {}
    reported_at: Time | None = None


class Consent(EventPart, frozen=True, omit_defaults=True):
    """What the person allowed. `marketing: false` is not an opt-out; `opted_out` is.

    `opted_out: false` is an opt-in, and nothing stated is neither. `proven` is set by the gateway alone:
    false where anybody could have typed it. None means proven.
    """

    marketing: bool | None = None
    opted_out: bool | UnsetType = UNSET
    at: Time | None = None
    text: LongText | None = None
    proven: bool | None = None


Activities = Annotated[list[Activity], Meta(max_length=200)]
Answers = Annotated[dict[Word, Answer], Meta(max_length=200)]


class FieldSource(Struct, frozen=True):
    """Who gave a field: a provider's name, `form`, `crm` or `human`; `cost` in cents."""

    source: Word
    confidence: Annotated[float, Meta(ge=0, le=1)]
    cost: Count
    at: Time


Provenance = dict[str, FieldSource]
"""By dotted field name, e.g. `company.employees`."""


class DerivedFields(Struct, frozen=True):
    """What follows from a lead record, derived when it was merged so that no reader parses it again.

    `email_lead_id` is the lead id that the e-mail address alone would give. `company_key` is what spellings
    of the company's name have in common. `spam_score` is 0 to 100.
    """

    email_domain: Word | None = None
    email_lead_id: Word | None = None
    company_key: Text | None = None
    spam_score: Percent = 0


class Message(EventPart, frozen=True, omit_defaults=True):
    """What a person wrote: the text, when, the name of the source, and the page it was sent from."""

    text: LongText
    at: Time
    source: Word | None = None
    page: Text | None = None


class Actor(Struct, frozen=True):
    """Who acted: the name of the API key, and the rep whose key it is or for whom it acted."""

    key: Word
    rep: Word | None = None


TriggerKind = Literal["lead", "signal", "account", "enrichment", "decay", "outcome", "policy"]


class Trigger(EventPart, frozen=True, omit_defaults=False):
    """What led to this decision: the event and its short type (`funding_round`, `demo_request`, …).

    All three keys are always present, so that a reader need not tell absent from null.
    """

    kind: TriggerKind
    event_id: Word
    type: Word | None = None

    @property
    def is_news(self) -> bool:
        """Whether it reported something new of the buyer: a form, a signal or activity, account knowledge."""
        return self.kind in ("lead", "signal", "account")
