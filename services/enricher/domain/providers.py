"""What the enricher asks of the world: questions to providers, their answers, and where these are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Final, Literal, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from services.enricher.domain.form import Form, company_key
from shared.lead.events.parts import Company, FieldSource, Person
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from shared.policy.models import Waterfall
from shared.storage.rows import Row
from shared.worker.rows import TimerRow

NO_MATCH_FRESH: Final = timedelta(days=1)
"""A company that nobody knows today may be known next week, and asking again is mostly free."""
MATCH_KEPT: Final = timedelta(days=180)
"""How long an answer is kept whose fields have no `fresh` of their own."""

Subject = Literal["company", "person", "email"]
"""What a question is about: the company of a domain, the person behind an address, the address itself."""
Outcome = Literal["match", "no_match", "stale", "failed", "timeout", "skipped"]
Stop = Literal["complete", "settled", "exhausted", "budget", "deadline"]
"""Why no more is asked: nothing wanted, nothing that changes the decision, nobody left, no cents, no time."""


class Found(Struct, frozen=True, omit_defaults=True):
    """What a provider says, in Baton's words. `confidence` (0 to 1) names the fields that it says.

    `as_of` is when the provider itself last looked, if it tells.
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
    """The lead as providers can be asked about it; without `domain` there is no company to ask about."""

    domain: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    def about(self, subject: Subject) -> str | None:
        """Return the name under which answers are kept; a person's is a lead id, so that erasure finds it."""
        return self.domain if subject == "company" else self._mailbox

    @cached_property
    def _mailbox(self) -> str | None:
        email = normalise_email(self.email)
        return lead_id_of(f"email:{email.identity}") if email else None


class Question(Struct, frozen=True):
    """One question to one provider. Equal `key`: the same question."""

    provider: str
    subject: Subject
    about: str
    whom: LookupTarget
    fields: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.provider, self.subject, self.about)


class Answer(Struct, frozen=True):
    """What a provider said at `at`, or why it said nothing. `cost` is in cents.

    `bought` is false for an answer that was there already, or that another lead asked for at the same time.
    `asked` are the fields that it was asked for.
    """

    provider: str
    subject: Subject
    about: str
    outcome: Outcome
    at: datetime
    found: Found = Found()
    cost: int = 0
    detail: str = ""
    bought: bool = True
    asked: tuple[str, ...] = ()

    @property
    def lasting(self) -> bool:
        """Whether the provider would say the same again."""
        return self.outcome in ("match", "no_match", "stale")

    @property
    def true_at(self) -> datetime:
        """When what it says was last seen to be so."""
        return min(self.at, self.found.as_of or self.at)


class Gathered(Struct, frozen=True):
    """What the waterfall brought. `fields` are the terms under which values are accepted."""

    answers: Sequence[Answer] = ()
    fields: Mapping[str, Waterfall] = {}
    stop: Stop = "complete"


class LookUp(Protocol):
    """Finds what a form does not say."""

    async def gather(self, form: Form) -> Gathered:
        """Return what providers say about a lead, within the lead's deadline and budget."""
        ...

    async def gather_again(self, lead_id: str) -> Gathered:
        """Return what providers say by now about a lead whose record was left incomplete."""
        ...


class EnrichForm(Struct, frozen=True):
    """A form that is ready to be decided, with what providers said."""

    form: Form
    gathered: Gathered = Gathered()


class EnrichRetry(TimerRow, frozen=True):
    """The timer of a lead that was left incomplete, with what providers say by now."""

    gathered: Gathered = Gathered()


class CachedAnswerRow(Row, frozen=True):
    """The latest answer of a provider, kept until `expires_at`."""

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


class SpendRow(Row, frozen=True):
    """What one provider was asked and what it cost on a day (UTC, `2026-03-01`)."""

    day: str
    provider: str
    calls: int = 0
    matches: int = 0
    cents: int = 0
    table: ClassVar[str] = "provider_spend"
    key_fields: ClassVar[tuple[str, ...]] = ("day", "provider")


def value_of(person: Person, company: Company, name: str) -> Any:
    """Return the value of a field by its dotted name, nothing said included."""
    of_person, attribute = _place_of(name)
    return getattr(person if of_person else company, attribute, None)


@lru_cache(maxsize=256)
def _place_of(name: str) -> tuple[bool, str]:
    part, _, attribute = name.partition(".")
    return part == "person", attribute


def whom(account: str, lead_id: str, person: Person) -> LookupTarget:
    """Return how a lead can be asked about: its company only if it is in one."""
    email = person.email if person.email_kind != "disposable" else None
    domain = account if account != lead_id and company_key(account) else None
    return LookupTarget(domain, email, person.first_name, person.last_name)


def acceptable(origin: FieldSource | None, terms: Waterfall, at: datetime) -> bool:
    """Tell whether a value of this origin is good enough; what people said is, and what follows from it."""
    if origin is None or origin.source in ("form", "human", "crm"):
        return True
    return not _is_old(origin.at, terms, at) and round(origin.confidence * 100) >= terms.min_confidence


def judged(answer: Answer, fields: Mapping[str, Waterfall]) -> Answer:
    """Return the answer, as stale when all that was asked for and said is older than the policy takes."""
    said = [name for name in answer.asked if name in answer.found.confidence and name in fields]
    old = [_is_old(answer.true_at, fields[name], answer.at) for name in said]
    return replace(answer, outcome="stale") if answer.outcome == "match" and said and all(old) else answer


def is_current(answer: Answer, wanted: Iterable[str], fields: Mapping[str, Waterfall], at: datetime) -> bool:
    """Tell whether an answer that was kept stands for asking again: it is too old for no wanted field."""
    return not any(_is_old(answer.at, fields[name], at) for name in wanted if name in answer.found.confidence)


def _is_old(said_at: datetime, terms: Waterfall, at: datetime) -> bool:
    return terms.fresh is not None and at - said_at > terms.fresh.timedelta


def spent(rows: Mapping[tuple[str, str], SpendRow], answers: Iterable[Answer]) -> list[SpendRow]:
    """Return the days' accounts with what these answers cost."""
    after = dict(rows)
    for answer in answers:
        if not answer.bought or answer.outcome == "skipped":
            continue
        key = (day_of(answer.at), answer.provider)
        row = after.get(key) or SpendRow(*key)
        matched = answer.outcome in ("match", "stale")
        after[key] = SpendRow(*key, row.calls + 1, row.matches + matched, row.cents + answer.cost)
    return [row for key, row in sorted(after.items()) if row != rows.get(key)]


def day_of(at: datetime) -> str:
    """Return the day of the budget (UTC) that an instant is on."""
    return at.date().isoformat()


def kept(answer: Answer, fields: Mapping[str, Waterfall]) -> CachedAnswerRow | None:
    """Return the row that keeps an answer, if it is new and worth keeping."""
    if not answer.bought or answer.outcome not in ("match", "no_match", "stale"):
        return None
    spans = [terms.fresh.timedelta for name in answer.asked if (terms := fields.get(name)) and terms.fresh]
    fresh = NO_MATCH_FRESH if answer.outcome == "no_match" else max(spans, default=MATCH_KEPT)
    return CachedAnswerRow(
        provider=answer.provider,
        subject=answer.subject,
        about=answer.about,
        outcome=answer.outcome,
        person=answer.found.person,
        company=answer.found.company,
        confidence=dict(answer.found.confidence),
        as_of=answer.found.as_of,
        fetched_at=answer.at,
        expires_at=answer.at + fresh,
    )


def recalled(row: CachedAnswerRow) -> Answer:
    """Return the answer that a row keeps; it costs nothing again."""
    return Answer(
        provider=row.provider,
        subject=row.subject,
        about=row.about,
        outcome=row.outcome,
        at=row.fetched_at,
        found=Found(row.person, row.company, row.confidence, row.as_of),
        bought=False,
        asked=tuple(row.confidence),
    )
