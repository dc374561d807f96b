"""Queries to data providers, their answers, and the rows that cache answers and count their cost. Pure.

A lead is looked up under one of these subjects, and every answer is kept under a name (`about`):

- `company`: the company of a domain; `about` is the domain.
- `person`: the person of a lead; `about` is the lead id, so that erasing a lead finds it.
- `email`: whether the address takes mail; `about` is the lead id.
- `find_email`: the address of a person without one; `about` is the lead id.

An account is looked up under `contacts`: who works there in given roles; `about` is the domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from services.enricher.domain.form import Form, company_account
from services.enricher.domain.record import LeadRow
from shared.lead.events.parts import Company, FieldSource, Person
from shared.lead.ids import derive_id, lead_id_of
from shared.lead.normalise.emails import stored_email
from shared.storage.rows import Row
from shared.worker.rows import TimerRow

if TYPE_CHECKING:
    from shared.policy.models import Waterfall

NO_MATCH_TTL: Final = timedelta(days=1)
"""How long a `no_match` is cached: short, because coverage grows and asking again is mostly free."""
MATCH_TTL: Final = timedelta(days=180)
"""How long a match is cached when the policy sets `fresh` for none of its fields."""

_COMPANY: Final = "company."
Subject = Literal["company", "person", "email", "find_email", "contacts"]
LookupOutcome = Literal["match", "no_match", "stale", "failed", "timeout", "skipped"]
StopReason = Literal["complete", "settled", "exhausted", "budget", "deadline"]
"""Why a look-up asks no further provider.

`complete`: no field is missing. `settled`: the missing fields cannot change what becomes of the lead.
`exhausted`: no provider is left. `budget`, `deadline`: the lead's cents or seconds are used up.
"""


class ProviderFacts(Struct, frozen=True, omit_defaults=True):
    """What a provider says, in Baton's field names and units.

    `confidence` (0 to 1) has a key for every field that is set, such as `company.employees`; `as_of` is when
    the provider itself last verified its record, if it says so.
    """

    person: Person = Person()
    company: Company = Company()
    confidence: Mapping[str, float] = field(default_factory=dict)
    as_of: datetime | None = None

    def values(self) -> Iterator[tuple[str, Any, float]]:
        """Yield name, value and confidence of each field."""
        for name, confidence in self.confidence.items():
            yield name, value_of(self.person, self.company, name), confidence


class LookupTarget(Struct, frozen=True, dict=True):
    """What identifies a lead to providers. Without `domain` there is no company to ask about.

    `lead_id` is that of the lead itself; an address of its own gives another one where it is an alias. One
    that was found (`email_is_found`) gives none.
    """

    domain: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    linkedin_url: str | None = None
    company_name: str | None = None
    lead_id: str | None = None
    email_is_found: bool = False

    def about(self, subject: Subject) -> str | None:
        """Return the name that answers about `subject` are kept under; None when it cannot be asked about."""
        if subject in ("company", "contacts"):
            return self.domain
        if subject == "email" and self.email is None:
            return None
        return None if subject == "find_email" and self.email is not None else self._person_id

    @cached_property
    def asked(self) -> Mapping[str, str | None]:
        """What a vendor may be sent, by the names in the templates of presets."""
        names = [name for name in (self.first_name, self.last_name) if name]
        return {
            "domain": self.domain,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "full_name": " ".join(names) or None,
            "phone": self.phone,
            "linkedin_url": self.linkedin_url,
            "company_name": self.company_name,
        }

    @cached_property
    def known(self) -> frozenset[str]:
        """The names of what is known."""
        return frozenset([name for name, value in self.asked.items() if value])

    @cached_property
    def _person_id(self) -> str | None:
        email = None if self.email_is_found else stored_email(self.email)
        return lead_id_of(f"email:{email.identity}") if email else self.lead_id


class ProviderQuery(Struct, frozen=True):
    """One query to one provider. Queries with the same `key` get the same answer, so one call serves all.

    `fields` are what is asked for: fields of a lead, or of `contacts` the buying roles.
    """

    provider: str
    subject: Subject
    about: str
    target: LookupTarget
    fields: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        asked = (self.about, *self.fields) if self.subject == "contacts" else (self.about,)
        if self.target.email_is_found and self.subject != "company":
            asked = (self.about, self.target.email or "")
        return (self.provider, self.subject, " ".join(asked))

    @property
    def asked(self) -> Mapping[str, str | None]:
        """What the vendor may be sent, by the names in the templates of presets."""
        roles = ",".join(self.fields) if self.subject == "contacts" else None
        return {**self.target.asked, "reference": self.reference, "roles": roles}

    @property
    def reference(self) -> str:
        """The name under which an answer to several queries has the one to this; it tells nothing of whom."""
        return derive_id(self.provider, self.about, self.subject, 0)

    def unanswered(self, outcome: LookupOutcome, at: datetime, detail: str) -> ProviderAnswer:
        """Return an answer without facts: `detail` says why there are none."""
        return ProviderAnswer(
            provider=self.provider,
            subject=self.subject,
            about=self.about,
            outcome=outcome,
            at=at,
            detail=detail,
            requested=self.fields,
        )


class ProviderAnswer(Struct, frozen=True):
    """What a provider answered at `at`, or why it did not. `cost` is in cents.

    `billed` is False for an answer that cost this lead nothing because it came from the cache or from another
    lead's call. `requested` are the fields that the query asked for. `contacts` are the people of an answer
    about `contacts`; its `facts` are empty. `also_about` is the domain of the company, if an answer about a
    person says of it all that the provider says of companies.
    """

    provider: str
    subject: Subject
    about: str
    outcome: LookupOutcome
    at: datetime
    facts: ProviderFacts = ProviderFacts()
    cost: int = 0
    detail: str = ""
    billed: bool = True
    requested: tuple[str, ...] = ()
    contacts: tuple[ProviderFacts, ...] = ()
    also_about: str | None = None

    @property
    def is_conclusive(self) -> bool:
        """Whether asking again at once would give the same answer: it is a statement, not a failure."""
        return self.outcome in ("match", "no_match", "stale")

    @property
    def observed_at(self) -> datetime:
        """When the facts were last verified: by the provider if it says so, else when it answered."""
        return min(self.at, self.facts.as_of or self.at)


class LookupResult(Struct, frozen=True):
    """The answers of one look-up. `fields` are the policy's terms under which their values are accepted.

    `begun` is the lead that the form begins, as it was looked up, if nothing was stored of the person.
    """

    answers: Sequence[ProviderAnswer] = ()
    fields: Mapping[str, Waterfall] = {}
    stop: StopReason = "complete"
    begun: LeadRow | None = None


class LeadLookup(Protocol):
    """Port: looks up what a form does not say."""

    async def look_up(self, form: Form, sent_at: datetime) -> LookupResult:
        """Return what providers say about the lead of a form, within the policy's deadline and budget."""
        ...

    async def refresh(self, lead_id: str) -> LookupResult:
        """Return what providers say by now about a lead whose first look-up was left incomplete.

        Leads that wait for their first look-up are served first, then those that somebody works.
        """
        ...


class EnrichForm(Struct, frozen=True):
    """A form with the result of its look-up, ready to be decided."""

    form: Form
    lookup: LookupResult = LookupResult()


class EnrichRetry(TimerRow, frozen=True):
    """The timer of an incomplete lead, with the result of looking it up again."""

    lookup: LookupResult = LookupResult()


class CachedAnswerRow(Row, frozen=True):
    """The latest answer of a provider, valid until `expires_at`."""

    provider: str
    subject: Subject
    about: str
    outcome: Literal["match", "no_match", "stale"]
    person: Person
    company: Company
    confidence: dict[str, float]
    as_of: datetime | None
    fetched_at: datetime
    expires_at: datetime
    table: ClassVar[str] = "provider_answers"
    key_fields: ClassVar[tuple[str, ...]] = ("provider", "subject", "about")
    indexed: ClassVar[tuple[str, ...]] = ("about",)
    upsert: ClassVar[bool] = True


def value_of(person: Person, company: Company, name: str) -> Any:
    """Return the value of a field by its dotted name, such as `person.title`; None when it is not known."""
    part, attribute = _split_field(name)
    return getattr(person if part == "person" else company, attribute, None)


@lru_cache(maxsize=256)
def _split_field(name: str) -> tuple[str, str]:
    part, _, attribute = name.partition(".")
    return part, attribute


def lookup_target(
    account: str,
    lead_id: str,
    person: Person,
    company_name: str | None = None,
    *,
    email_is_found: bool = False,
) -> LookupTarget:
    """Return what identifies a lead to providers.

    A disposable address belongs to nobody, so nobody is asked about its person. An account that is the lead
    itself or a free-mail domain is no company.
    """
    domain = account if account != lead_id and company_account(account) else None
    if person.email_kind == "disposable":
        return LookupTarget(domain)
    return LookupTarget(
        domain=domain,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        phone=person.phone,
        linkedin_url=person.linkedin_url,
        company_name=company_name,
        lead_id=lead_id,
        email_is_found=email_is_found,
    )


def is_acceptable(origin: FieldSource | None, terms: Waterfall, at: datetime) -> bool:
    """Return whether a value is good enough to keep: recent and sure enough under the policy's `terms`.

    What a person said is always accepted, and so is what was derived from it (it has no origin).
    """
    if origin is None or origin.source in ("form", "human", "crm"):
        return True
    # Rounded: 0.57 * 100 is 56.99999999999999.
    return not _is_expired(origin.at, terms, at) and round(origin.confidence * 100) >= terms.min_confidence


def mark_stale(answer: ProviderAnswer, fields: Mapping[str, Waterfall]) -> ProviderAnswer:
    """Return the answer; a match is `stale` when all requested fields are older than `fresh` allows."""
    given = [name for name in answer.requested if name in answer.facts.confidence and name in fields]
    expired = [_is_expired(answer.observed_at, fields[name], answer.at) for name in given]
    return (
        replace(answer, outcome="stale") if answer.outcome == "match" and given and all(expired) else answer
    )


def is_current(
    answer: ProviderAnswer, names: Iterable[str], fields: Mapping[str, Waterfall], at: datetime
) -> bool:
    """Return whether a cached answer makes a new call needless: it is too old for none of the fields `names`.

    Its own age counts, not that of the facts: a provider whose record is old would repeat it.
    """
    return not any(
        _is_expired(answer.at, fields[name], at) for name in names if name in answer.facts.confidence
    )


def _is_expired(observed_at: datetime, terms: Waterfall, at: datetime) -> bool:
    return terms.fresh is not None and at - observed_at > terms.fresh.timedelta


def budget_day(at: datetime) -> str:
    """Return the day (UTC, `2026-03-01`) whose budget pays for a call at that instant."""
    return at.date().isoformat()


def cache_row(answer: ProviderAnswer, fields: Mapping[str, Waterfall]) -> CachedAnswerRow | None:
    """Return the row that caches a new, conclusive answer; None for any other."""
    if not answer.billed or answer.outcome not in ("match", "no_match", "stale"):
        return None
    ttls = [terms.fresh.timedelta for name in answer.requested if (terms := fields.get(name)) and terms.fresh]
    ttl = NO_MATCH_TTL if answer.outcome == "no_match" else max(ttls, default=MATCH_TTL)
    return CachedAnswerRow(
        provider=answer.provider,
        subject=answer.subject,
        about=answer.about,
        outcome=answer.outcome,
        person=answer.facts.person,
        company=answer.facts.company,
        confidence=dict(answer.facts.confidence),
        as_of=answer.facts.as_of,
        fetched_at=answer.at,
        expires_at=answer.at + ttl,
    )


def company_row(answer: ProviderAnswer, fields: Mapping[str, Waterfall]) -> CachedAnswerRow | None:
    """Return the row that caches what a combined answer says of the company; None for any other.

    Only where the policy asks this provider about companies: another lead of the company needs no call then.
    """
    orders = [terms for name, terms in fields.items() if name.startswith(_COMPANY)]
    if answer.also_about is None or not any(answer.provider in terms.order for terms in orders):
        return None
    confidence = {name: sure for name, sure in answer.facts.confidence.items() if name.startswith(_COMPANY)}
    facts = replace(answer.facts, person=Person(), confidence=confidence)
    company = replace(
        answer, subject="company", about=answer.also_about, facts=facts, requested=tuple(confidence)
    )
    return cache_row(company, fields)


def answer_from_row(row: CachedAnswerRow) -> ProviderAnswer:
    """Return the answer that a row caches; it costs nothing again."""
    return ProviderAnswer(
        provider=row.provider,
        subject=row.subject,
        about=row.about,
        outcome=row.outcome,
        at=row.fetched_at,
        facts=ProviderFacts(row.person, row.company, row.confidence, row.as_of),
        billed=False,
        requested=tuple(row.confidence),
    )
