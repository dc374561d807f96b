"""The registry of the fields that a condition may name: type, where it is known, values, default.

A family (`answers.*`) has a field for every name that a policy uses after its dot. What a form or a signal
puts into such a field has no declared type: its kind is `OPEN`, and it is read as what it is compared with.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, Flag, auto
from functools import lru_cache
from typing import Any, Final, get_args

from shared.lead.events.signal_received import SignalType
from shared.lead.normalise.labels import answer_label

FIELD_NAME_LENGTH_MAX: Final = 200


class Kind(Enum):
    TEXT = "text"
    WORD = "one of some words"
    COUNTRY = "country code"
    INTEGER = "integer"
    BOOLEAN = "true or false"
    SET = "set"
    TIME = "time"
    OPEN = "text, number, true or false, or list"


class Known(Flag):
    """At which stage a field is known. The scope of a table is what is known where the table is evaluated."""

    FORM = auto()
    KNOWLEDGE = auto()
    LEAD = auto()
    MARKET = auto()
    ACTIVITY = auto()
    SIGNAL = auto()
    SCORE = auto()
    ACCOUNT = auto()
    ROUTING = auto()


class Scope:
    """What the conditions of each kind of table may ask for."""

    FORMS: Final = Known.FORM
    DISCOVERY: Final = Known.KNOWLEDGE
    MARKETS: Final = Known.LEAD
    FIT: Final = Known.LEAD | Known.MARKET
    INTENT: Final = FIT | Known.ACTIVITY
    SIGNALS: Final = FIT | Known.SIGNAL
    ACCOUNTS: Final = FIT | Known.ACCOUNT
    BANDS: Final = FIT | Known.SCORE
    ROUTING: Final = FIT | Known.SCORE | Known.ACCOUNT | Known.ROUTING


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `words` are all its values, or for text those that are usual; integers have bounds.

    A field with a `default` is never missing. `bought` fields may come from a provider.
    """

    name: str
    kind: Kind
    known: Known = Known.LEAD
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: str | bool | int | tuple[str, ...] | None = None
    bought: bool = False

    @property
    def family(self) -> bool:
        return self.name.endswith(".*")


class FactKeys:
    """The names under which facts are put, for code that makes facts; families end in a dot."""

    EMAIL: Final = "person.email"
    EMAIL_DOMAIN: Final = "person.email_domain"
    TITLE: Final = "person.title"
    PHONE: Final = "person.phone"
    LINKEDIN_URL: Final = "person.linkedin_url"
    PERSON_COUNTRY: Final = "person.country"
    EMAIL_KIND: Final = "person.email_kind"
    EMAIL_STATUS: Final = "person.email_status"
    SENIORITY: Final = "person.seniority"
    DEPARTMENT: Final = "person.department"
    COMPANY_NAME: Final = "company.name"
    COMPANY_DOMAIN: Final = "company.domain"
    INDUSTRY: Final = "company.industry"
    COMPANY_COUNTRY: Final = "company.country"
    PARENT: Final = "company.parent"
    EMPLOYEES: Final = "company.employees"
    REVENUE_USD: Final = "company.revenue_usd"
    FUNDING_TOTAL_USD: Final = "company.funding_total_usd"
    GROWTH_PCT: Final = "company.growth_pct"
    TECHNOLOGIES: Final = "company.technologies"
    HIRING: Final = "company.hiring"
    LAST_FUNDING_AT: Final = "company.last_funding_at"
    RELATION: Final = "account.relation"
    MARKET: Final = "account.market"
    MARKET_VALIDATED: Final = "account.market_validated"
    OPEN_OPPORTUNITY: Final = "account.open_opportunity"
    FORM_ID: Final = "form.id"
    FORM_NAME: Final = "form.name"
    PAGE_URL: Final = "page.url"
    PAGE_PATH: Final = "page.path"
    CHANNEL: Final = "source.channel"
    SOURCE_NAME: Final = "source.name"
    CAMPAIGN: Final = "source.campaign"
    UTM: Final = "source.utm."
    MESSAGE: Final = "message"
    ANSWERS: Final = "answers."
    MARKETING: Final = "consent.marketing"
    OPTED_OUT: Final = "consent.opted_out"
    SPAM_SCORE: Final = "spam_score"
    ACTIVITY_TYPE: Final = "activity.type"
    ACTIVITY_PATH: Final = "activity.path"
    ACTIVITY_URL: Final = "activity.url"
    ACTIVITY_DETAILS: Final = "activity.details."
    SIGNAL_TYPE: Final = "signal.type"
    SIGNAL_STRENGTH: Final = "signal.strength"
    SIGNAL_DETAILS: Final = "signal.details."
    FIT: Final = "score.fit"
    INTENT: Final = "score.intent"
    TOTAL: Final = "score.total"
    FIT_GRADE: Final = "score.fit_grade"
    INTENT_GRADE: Final = "score.intent_grade"
    GRADE: Final = "score.grade"
    BAND: Final = "score.band"
    SEGMENT: Final = "score.segment"
    SIGNALS_STRONG: Final = "signals.strong"
    SIGNALS_TYPES: Final = "signals.types"
    PEOPLE: Final = "account.people"
    HIGH_INTENT_PEOPLE: Final = "account.high_intent_people"
    MEDIUM_INTENT_PEOPLE: Final = "account.medium_intent_people"
    ROLES: Final = "account.roles"
    SPIKE: Final = "account.spike"
    BEST_FIT_GRADE: Final = "account.best_fit_grade"
    QUALIFIED: Final = "account.qualified"
    OWNER_ACTIVE: Final = "owner.active"
    OWNER_QUEUE: Final = "owner.queue"
    OWNER_ACCEPTED: Final = "owner.accepted"
    TRIGGER_KIND: Final = "trigger.kind"
    TRIGGER_TYPE: Final = "trigger.type"
    REVISION: Final = "lead.revision"


ACTIVITY_TYPES: Final = (
    "demo_request",
    "contact_request",
    "trial_started",
    "pricing_view",
    "page_view",
    "content_download",
    "webinar",
    "email_reply",
    "email_click",
    "event_visit",
    "call",
)
SIGNAL_TYPES: Final[tuple[str, ...]] = tuple(
    kind for kind in get_args(SignalType) if kind not in {"opt_out", "activity"}
)
"""Signals that may give points; an opt-out and a later activity are read for what they are."""
FIT_GRADES: Final = ("A", "B", "C", "D")
INTENT_GRADES: Final = (1, 2, 3, 4)
GRADES: Final = tuple(f"{fit}{intent}" for fit in FIT_GRADES for intent in INTENT_GRADES)
BANDS: Final = ("cold", "mql", "sql")
RELATIONS: Final = ("target", "customer", "competitor", "partner", "none")
TRIGGERS: Final = ("lead", "signal", "account", "enrichment", "decay", "outcome", "policy")
SENIORITIES: Final = ("cxo", "vp", "director", "manager", "senior", "entry", "student")
DEPARTMENTS: Final = (
    "sales",
    "marketing",
    "finance",
    "it",
    "engineering",
    "product",
    "operations",
    "hr",
    "legal",
    "procurement",
    "partnerships",
    "other",
)
EMAIL_KINDS: Final = ("work", "free", "disposable", "role", "none")
EMAIL_STATUSES: Final = ("verified", "invalid", "risky", "unknown")


_PERSON_AND_COMPANY: Final = (
    Field(FactKeys.EMAIL, Kind.TEXT, bought=True),
    Field(FactKeys.EMAIL_DOMAIN, Kind.TEXT),
    *(
        Field(name, Kind.TEXT, bought=True)
        for name in (FactKeys.TITLE, FactKeys.PHONE, FactKeys.LINKEDIN_URL)
    ),
    Field(FactKeys.EMAIL_KIND, Kind.WORD, words=EMAIL_KINDS),
    Field(FactKeys.EMAIL_STATUS, Kind.WORD, words=EMAIL_STATUSES, bought=True),
    Field(FactKeys.SENIORITY, Kind.WORD, words=SENIORITIES, bought=True),
    Field(FactKeys.DEPARTMENT, Kind.WORD, words=DEPARTMENTS, bought=True),
    *(Field(name, Kind.COUNTRY, bought=True) for name in (FactKeys.PERSON_COUNTRY, FactKeys.COMPANY_COUNTRY)),
    *(
        Field(name, Kind.TEXT, bought=True)
        for name in (FactKeys.COMPANY_NAME, FactKeys.COMPANY_DOMAIN, FactKeys.INDUSTRY, FactKeys.PARENT)
    ),
    *(
        Field(name, Kind.INTEGER, low=0, bought=True)
        for name in (FactKeys.EMPLOYEES, FactKeys.REVENUE_USD, FactKeys.FUNDING_TOTAL_USD)
    ),
    Field(FactKeys.GROWTH_PCT, Kind.INTEGER, low=-100, bought=True),
    *(Field(name, Kind.SET, bought=True) for name in (FactKeys.TECHNOLOGIES, FactKeys.HIRING)),
    Field(FactKeys.LAST_FUNDING_AT, Kind.TIME, bought=True),
)
_LEAD: Final = (
    Field(FactKeys.RELATION, Kind.WORD, Known.LEAD | Known.KNOWLEDGE, words=RELATIONS, default="none"),
    Field(FactKeys.MARKET, Kind.TEXT, Known.MARKET),
    Field(FactKeys.MARKET_VALIDATED, Kind.BOOLEAN, Known.MARKET),
    Field(FactKeys.OPEN_OPPORTUNITY, Kind.BOOLEAN, Known.LEAD | Known.KNOWLEDGE),
    *(
        Field(name, Kind.TEXT, Known.LEAD | Known.FORM)
        for name in (FactKeys.CHANNEL, FactKeys.SOURCE_NAME, FactKeys.CAMPAIGN)
    ),
    Field(f"{FactKeys.UTM}*", Kind.TEXT, Known.LEAD | Known.FORM),
    Field(FactKeys.MESSAGE, Kind.TEXT, Known.LEAD | Known.FORM),
    Field(f"{FactKeys.ANSWERS}*", Kind.OPEN, Known.LEAD | Known.FORM),
    *(Field(name, Kind.BOOLEAN) for name in (FactKeys.MARKETING, FactKeys.OPTED_OUT)),
    Field(FactKeys.SPAM_SCORE, Kind.INTEGER, low=0, high=100, default=0),
)
_FORM: Final = tuple(
    Field(name, Kind.TEXT, Known.FORM)
    for name in (FactKeys.FORM_ID, FactKeys.FORM_NAME, FactKeys.PAGE_URL, FactKeys.PAGE_PATH)
)
_ACTIVITY_AND_SIGNAL: Final = (
    Field(FactKeys.ACTIVITY_TYPE, Kind.TEXT, Known.ACTIVITY, words=ACTIVITY_TYPES),
    Field(FactKeys.ACTIVITY_PATH, Kind.TEXT, Known.ACTIVITY),
    Field(FactKeys.ACTIVITY_URL, Kind.TEXT, Known.ACTIVITY),
    Field(f"{FactKeys.ACTIVITY_DETAILS}*", Kind.OPEN, Known.ACTIVITY),
    Field(FactKeys.SIGNAL_TYPE, Kind.WORD, Known.SIGNAL, words=SIGNAL_TYPES),
    Field(FactKeys.SIGNAL_STRENGTH, Kind.INTEGER, Known.SIGNAL, low=0, high=100),
    Field(f"{FactKeys.SIGNAL_DETAILS}*", Kind.OPEN, Known.SIGNAL),
)
_SCORE: Final = (
    *(
        Field(name, Kind.INTEGER, Known.SCORE, low=0, high=100)
        for name in (FactKeys.FIT, FactKeys.INTENT, FactKeys.TOTAL)
    ),
    Field(FactKeys.FIT_GRADE, Kind.WORD, Known.SCORE, words=FIT_GRADES),
    Field(FactKeys.INTENT_GRADE, Kind.INTEGER, Known.SCORE, low=1, high=4),
    Field(FactKeys.GRADE, Kind.WORD, Known.SCORE, words=GRADES),
    Field(FactKeys.BAND, Kind.WORD, Known.ROUTING, words=BANDS),
    Field(FactKeys.SEGMENT, Kind.TEXT, Known.SCORE),
    Field(FactKeys.SIGNALS_STRONG, Kind.BOOLEAN, Known.SCORE, default=False),
    Field(FactKeys.SIGNALS_TYPES, Kind.SET, Known.SCORE, words=SIGNAL_TYPES, default=()),
)
_ACCOUNT_AND_ROUTING: Final = (
    *(
        Field(name, Kind.INTEGER, Known.ACCOUNT, low=0)
        for name in (FactKeys.PEOPLE, FactKeys.HIGH_INTENT_PEOPLE, FactKeys.MEDIUM_INTENT_PEOPLE)
    ),
    Field(FactKeys.ROLES, Kind.SET, Known.ACCOUNT, words=DEPARTMENTS),
    Field(FactKeys.SPIKE, Kind.BOOLEAN, Known.ACCOUNT),
    Field(FactKeys.BEST_FIT_GRADE, Kind.WORD, Known.ACCOUNT, words=FIT_GRADES),
    # Decided by `qualified_when`, so not known to it.
    Field(FactKeys.QUALIFIED, Kind.BOOLEAN, Known.ROUTING),
    Field(FactKeys.OWNER_ACTIVE, Kind.BOOLEAN, Known.ROUTING, default=False),
    Field(FactKeys.OWNER_QUEUE, Kind.TEXT, Known.ROUTING),
    Field(FactKeys.OWNER_ACCEPTED, Kind.BOOLEAN, Known.ROUTING, default=False),
    Field(FactKeys.TRIGGER_KIND, Kind.WORD, Known.ROUTING, words=TRIGGERS),
    Field(FactKeys.TRIGGER_TYPE, Kind.TEXT, Known.ROUTING),
    Field(FactKeys.REVISION, Kind.INTEGER, Known.ROUTING, low=1),
)
_PARTS: Final = (_PERSON_AND_COMPANY, _LEAD, _FORM, _ACTIVITY_AND_SIGNAL, _SCORE, _ACCOUNT_AND_ROUTING)
"""All fields, in the order of the reference."""
_REGISTRY: Final = {field.name: field for part in _PARTS for field in part}
_FAMILIES: Final = tuple(field for field in _REGISTRY.values() if field.family)


BOUGHT_FIELDS: Final = (
    "person.first_name",
    "person.last_name",
    *(name for name, field in _REGISTRY.items() if field.bought),
)
"""The names of what a provider may give. No condition reads a person's name: it says nothing of the lead."""


def all_fields() -> Collection[Field]:
    """Return every field and family, in the order of the reference."""
    return _REGISTRY.values()


@lru_cache(maxsize=4096)
def field_named(name: str) -> Field | None:
    """Return the field of that name, one of a family with its own name, or `None`.

    The name of an answer is its plain label: `answers.Team Size` and `answers.team_size` are one field.
    """
    exact = _REGISTRY.get(name)
    if exact is not None:
        return None if exact.family else exact
    if len(name) > FIELD_NAME_LENGTH_MAX:
        return None
    for family in _FAMILIES:
        stem = family.name[:-1]
        if name.startswith(stem) and name != stem:
            if stem == FactKeys.ANSWERS:
                name = stem + answer_label(name.removeprefix(stem))
            return replace(family, name=name)
    return None


def default_of(name: str) -> Any:
    """Return the value of a field that is not known, or `None` when it is then missing."""
    field = field_named(name)
    return field.default if field is not None else None
