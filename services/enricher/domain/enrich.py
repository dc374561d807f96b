"""Adds what providers answered to a lead: the best value of each field, and where it is from. Pure.

A value replaces another only when it is better. In this order: what a person said in a form, what somebody
else at the company entered, what a provider said. Among providers, a value that the policy accepts is better
than one that it does not, and then the value with the higher confidence.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from msgspec.structs import replace

from services.enricher.domain.merge import account_of
from services.enricher.domain.providers import (
    LookupResult,
    LookupTarget,
    ProviderAnswer,
    is_acceptable,
    lookup_target,
    value_of,
)
from services.enricher.domain.record import LeadRow, has_found_address
from shared.lead.derived import derive_fields
from shared.lead.events.lead_enriched import Enrichment, EnrichmentStep
from shared.lead.events.parts import Company, DerivedFields, FieldSource, Person, Provenance
from shared.lead.fields import FactKeys
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.industries import is_known_industry
from shared.lead.normalise.names import company_key
from shared.lead.normalise.text import fold
from shared.lead.normalise.titles import department, seniority

if TYPE_CHECKING:
    from shared.policy.models import Waterfall

Status = Literal["complete", "incomplete", "skipped"]

RETRY_AFTER: Final = timedelta(seconds=15)
RETRY_FOR: Final = timedelta(hours=6)
"""A lead that is still incomplete that long after its last form stays so until its next one."""

STEPS_MAX: Final = 50
"""How many steps of an enrichment are kept, the latest of all look-ups of a revision."""
_FINAL: Final = frozenset({"match", "no_match", "stale", "cached"})
_NAME_LENGTH_MIN: Final = 3
"""A shorter name may be in an address by chance."""
_SOURCE_RANKS: Final = {"form": 3, "human": 2, "crm": 2}
_NEVER_REPLACED: Final = frozenset({"company.domain", "company.name", "person.email"})
"""What identifies the lead or its company; a provider may add it but not change it."""
_OF_ONE_PERSON: Final = frozenset(
    f"person.{name}" for name in ("first_name", "last_name", "title", "seniority", "department", "phone")
) | {"person.linkedin_url", "person.country"}
"""What is true of a person; `person.email_status` is of the address, whoever reads it."""
_OF_ONE_JOB: Final = frozenset({"person.title", "person.seniority", "person.department"})
_DERIVED_FROM: Final = frozenset({"company.name", "person.email", "person.first_name", "person.last_name"})
"""The fields that a provider may give and that `LeadRow.derived` follows from."""


class EnrichedRecord(Protocol):
    """What is known of a lead, and from where: the enricher's row, or an event that carries it."""

    @property
    def person(self) -> Person: ...
    @property
    def company(self) -> Company: ...
    @property
    def provenance(self) -> Provenance: ...


def known_origin(lead: EnrichedRecord, name: str) -> tuple[bool, FieldSource | None]:
    """Return whether a field is known, and its origin; a value derived from another field has none.

    An industry outside of the taxonomy is not known: a provider may have a word for it that the policy has.
    """
    value = value_of(lead.person, lead.company, name)
    is_known = is_known_industry(value) if name == FactKeys.INDUSTRY else bool(value) or value == 0
    return is_known, lead.provenance.get(name)


def enrich(lead: LeadRow, lookup: LookupResult, at: datetime) -> LeadRow:
    """Return the lead with the answers about it merged in, and with the steps and cost of its enrichment."""
    lead, answers = with_lookup(lead, lookup, at)
    steps = [_step(answer) for answer in answers]
    status = enrichment_status(lead, lookup, answers)
    return replace(lead, enrichment=Enrichment(status, sum([step.cost for step in steps]), steps))


def enrich_again(lead: LeadRow, lookup: LookupResult, at: datetime) -> LeadRow:
    """Return a lead with what a later look-up brought; its steps and cost are added to those before.

    An answer takes the place of the step that failed to get it, and what the cache repeats is no step.
    """
    before = lead.enrichment
    lead, answers = with_lookup(lead, lookup, at)
    final = [step for step in before.steps if step.outcome in _FINAL]
    steps = [
        step
        for step in map(_step, answers)
        if step.outcome != "cached" or not any(_is_same_question(step, old) for old in final)
    ]
    kept = [
        old for old in before.steps if old in final or not any(_is_same_question(step, old) for step in steps)
    ]
    cost = before.cost + sum(step.cost for step in steps)
    status = enrichment_status(lead, lookup, answers)
    return replace(lead, enrichment=Enrichment(status, cost, [*kept, *steps][-STEPS_MAX:]))


def _is_same_question(one: EnrichmentStep, other: EnrichmentStep) -> bool:
    """Return whether two steps asked one provider about the same; a cached "no match" names no fields."""
    if one.provider != other.provider:
        return False
    return not one.fields or not other.fields or not set(one.fields).isdisjoint(other.fields)


def with_lookup(
    lead: LeadRow, lookup: LookupResult, at: datetime
) -> tuple[LeadRow, Sequence[ProviderAnswer]]:
    """Return the lead with the answers about it, and these answers.

    An answer about the person may name the company that other answers are about.
    """
    used: list[ProviderAnswer] = []
    while answers := [answer for answer in answers_about(lead, lookup) if answer not in used]:
        lead = with_answers(lead, answers, lookup.fields, at, used)
        lead = replace(lead, account=account_of(lead))
        used += answers
    return lead, used


def _step(answer: ProviderAnswer) -> EnrichmentStep:
    return EnrichmentStep(
        answer.provider,
        list(answer.requested),
        "cached" if answer.is_conclusive and not answer.billed else answer.outcome,
        _cost(answer),
        answer.at,
        answer.detail,
    )


def with_answers(
    lead: LeadRow,
    answers: Iterable[ProviderAnswer],
    fields: Mapping[str, Waterfall],
    at: datetime,
    earlier: Iterable[ProviderAnswer] = (),
) -> LeadRow:
    """Return the lead with the answers merged in; `fields` are the terms that values are accepted under.

    `earlier` are answers that are merged in already: an address that one of them found may be verified now.
    """
    answers = tuple(answers)
    for answer in answers:
        lead = with_answer(lead, answer, fields, at)
    return with_found_address(lead, (*earlier, *answers), fields, at)


def retry_at(lead: LeadRow, at: datetime) -> datetime | None:
    """Return when an incomplete lead is looked up again; None when it is not.

    The interval grows with the lead's age, so the number of retries is logarithmic: late answers come within
    seconds, an outage may take hours.
    """
    if lead.enrichment.status != "incomplete" or lead.last_at is None:
        return None
    age = max(at - lead.last_at, timedelta(0))
    return None if age > RETRY_FOR else at + max(age, RETRY_AFTER)


def answers_about(lead: LeadRow, lookup: LookupResult) -> list[ProviderAnswer]:
    """Return the answers about this lead; since the look-up, another form may have changed its company."""
    if not lookup.answers:
        return []
    target = target_of(lead)
    return [answer for answer in lookup.answers if target.about(answer.subject) == answer.about]


def target_of(lead: LeadRow) -> LookupTarget:
    """Return what identifies a lead to providers."""
    return lookup_target(
        lead.account,
        lead.lead_id,
        lead.person,
        lead.company.name,
        email_is_found=has_found_address(lead.provenance),
    )


def enrichment_status(lead: LeadRow, lookup: LookupResult, answers: Sequence[ProviderAnswer]) -> Status:
    """Return `incomplete` when a retry may bring more; `skipped` when nobody could be asked for a field."""
    if lookup.stop in ("budget", "deadline"):
        return "incomplete"
    if not answers:
        values = (value_of(lead.person, lead.company, name) for name in lookup.fields)
        return "complete" if all(value or value == 0 for value in values) else "skipped"
    if lookup.stop in ("complete", "settled"):
        return "complete"
    return "complete" if all(answer.is_conclusive for answer in answers) else "incomplete"


def _cost(answer: ProviderAnswer) -> int:
    return answer.cost if answer.billed else 0


def with_answer(
    lead: LeadRow, answer: ProviderAnswer, fields: Mapping[str, Waterfall], at: datetime
) -> LeadRow:
    """Take over the values that are better than those known.

    The price is split over them in whole cents, so that the costs in the provenance add up to it. What was
    paid for a value that a better one replaces stays a cost of its field.
    """
    if answer.subject == "email" and lead.person.email is None:
        return lead  # it is about an address that was found, and may be somebody else's
    better: dict[str, tuple[Any, float]] = {}
    for name, value, confidence in answer.facts.values():
        if name == FactKeys.EMAIL or (name == FactKeys.EMAIL_STATUS and lead.person.email is None):
            continue  # see `with_found_address`
        origin = FieldSource(answer.provider, confidence, 0, answer.observed_at)
        if (value or value == 0) and is_better(lead, name, origin, fields.get(name), at):
            better[name] = (value, confidence)
    if not is_same_person(lead.person, answer.facts.person, better):
        better = {name: value for name, value in better.items() if name not in _OF_ONE_PERSON}
    if not is_same_employer(lead, answer):
        job = {name for name in better if name.startswith("company.")} | _OF_ONE_JOB
        better = {name: value for name, value in better.items() if name not in job}
    if not better:
        return lead
    share, remainder = divmod(_cost(answer), len(better))
    paid = {name: lead.provenance[name].cost if name in lead.provenance else 0 for name in better}
    origins = {
        name: FieldSource(
            answer.provider, confidence, paid[name] + share + (index < remainder), answer.observed_at
        )
        for index, (name, (_value, confidence)) in enumerate(better.items())
    }
    values = {name: value for name, (value, _confidence) in better.items()}
    return _with_values(lead, values, origins)


def with_found_address(
    lead: LeadRow, answers: Sequence[ProviderAnswer], fields: Mapping[str, Waterfall], at: datetime
) -> LeadRow:
    """Return the lead with the address that providers found and that takes mail, if it has none itself.

    An address whose mail server takes mail for any address is used if the finder is sure enough of it.
    """
    if lead.person.email is not None:
        return lead
    for finder in answers:
        email = normalise_email(finder.facts.person.email)
        sure = finder.facts.confidence.get(FactKeys.EMAIL)
        if email is None or sure is None:
            continue
        verdict = address_verdict(finder, answers)
        origin = FieldSource(finder.provider, sure, 0, finder.observed_at)
        terms = fields.get(FactKeys.EMAIL)
        if verdict is None or verdict.facts.person.email_status not in ("verified", "risky"):
            continue
        is_sure = terms is None or is_acceptable(origin, terms, at)
        if verdict.facts.person.email_status == "risky" and not is_sure:
            continue
        status = FieldSource(
            verdict.provider,
            verdict.facts.confidence[FactKeys.EMAIL_STATUS],
            _cost(verdict) if verdict is not finder else 0,
            verdict.observed_at,
        )
        person = replace(
            lead.person,
            email=email.address,
            email_kind=email.kind,
            email_status=verdict.facts.person.email_status,
        )
        is_paid = any(one.source == finder.provider and one.cost for one in lead.provenance.values())
        origin = replace(origin, cost=0 if is_paid else _cost(finder))
        origins = {FactKeys.EMAIL: origin, FactKeys.EMAIL_STATUS: status}
        changed = replace(lead, person=person, provenance={**lead.provenance, **origins})
        return replace(changed, derived=_derived(changed))
    return lead


def address_verdict(finder: ProviderAnswer, answers: Iterable[ProviderAnswer]) -> ProviderAnswer | None:
    """Return the answer that says whether the address that a provider found takes mail; None without one.

    One that says it takes none stands before the others, and a verifier's before the finder's own.
    """
    address = finder.facts.person.email
    answered = [
        answer for answer in answers if answer.subject == "email" and answer.facts.person.email == address
    ]
    answered = [answer for answer in (*answered, finder) if FactKeys.EMAIL_STATUS in answer.facts.confidence]
    ranks = ("invalid", "verified", "risky")
    return min(
        answered, key=lambda answer: ranks.index(answer.facts.person.email_status or "risky"), default=None
    )


def unverified_address(lead: LeadRow, answers: Sequence[ProviderAnswer]) -> str | None:
    """Return the address that a provider found for a lead without one and that nobody has verified yet."""
    if lead.person.email is not None:
        return None
    return next(
        (
            answer.facts.person.email
            for answer in answers
            if FactKeys.EMAIL in answer.facts.confidence and address_verdict(answer, answers) is None
        ),
        None,
    )


def is_better(lead: LeadRow, name: str, new: FieldSource, terms: Waterfall | None, at: datetime) -> bool:
    """Return whether a provider's value replaces the one that is known."""
    known, old = known_origin(lead, name)
    if not known:
        return True
    if old is None or name in _NEVER_REPLACED:
        return False
    new_quality, old_quality = _quality(new, terms, at), _quality(old, terms, at)
    if new_quality == old_quality:
        return new.source == old.source and new.at > old.at
    return new_quality > old_quality


def is_same_person(known: Person, found: Person, replaced: Container[str]) -> bool:
    """Return whether an answer may be about the person that the lead names.

    A shared mailbox, or one that went to somebody else, gives another person's record. A name that the answer
    replaces says nothing against it. A nickname does not either, where the address has the record's name.
    """
    local_part = _folded(known.email).partition("@")[0]
    pairs = {
        "person.first_name": (_folded(known.first_name), _folded(found.first_name)),
        "person.last_name": (_folded(known.last_name), _folded(found.last_name)),
    }
    stated = [(own, other) for name, (own, other) in pairs.items() if own and other and name not in replaced]
    return (
        not stated
        or any(own.startswith(other) or other.startswith(own) for own, other in stated)
        or any(len(other) >= _NAME_LENGTH_MIN and other in local_part for _, other in pairs.values())
    )


def is_same_employer(lead: LeadRow, answer: ProviderAnswer) -> bool:
    """Return whether the employer in an answer about a person may be the company that the lead names.

    Where the lead's domain is known the integration has compared it; a name is compared where it is not.
    """
    if answer.subject != "person" or lead.company.domain is not None:
        return True
    own, other = company_key(lead.company.name), company_key(answer.facts.company.name)
    return own is None or other is None or own.startswith(other) or other.startswith(own)


def _folded(text: str | None) -> str:
    return fold(text or "")


def _quality(origin: FieldSource, terms: Waterfall | None, at: datetime) -> tuple[int, bool, float]:
    acceptable = terms is None or is_acceptable(origin, terms, at)
    return (_SOURCE_RANKS.get(origin.source, 1), acceptable, origin.confidence)


def _with_values(lead: LeadRow, values: dict[str, Any], origins: Mapping[str, FieldSource]) -> LeadRow:
    changes: dict[str, dict[str, Any]] = {"person": {}, "company": {}}
    for name, value in values.items():
        part, _, attribute = name.partition(".")
        changes[part][attribute] = value
    person = changes["person"]
    if title := person.get("title"):
        derived = {"seniority": seniority(title), "department": department(title)}
        # What somebody said about the person stands before what a new title suggests.
        person = {
            name: value for name, value in derived.items() if f"person.{name}" not in lead.provenance
        } | person
    changed = replace(
        lead,
        person=replace(lead.person, **person),
        company=replace(lead.company, **changes["company"]),
        provenance={**lead.provenance, **origins},
    )
    if _DERIVED_FROM.isdisjoint(values):
        return changed
    return replace(changed, derived=_derived(changed))


def _derived(lead: LeadRow) -> DerivedFields:
    found = has_found_address(lead.provenance)
    return derive_fields(lead.person, lead.company, lead.message, lead.source, email_is_found=found)
