"""Merges the leads of one person: two that a form shows to be the same become one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import asdict, replace

from services.enricher.domain.consent import ConsentStatements
from services.enricher.domain.form import Form, company_account, normalise_form
from services.enricher.domain.merge import (
    account_of,
    consent_statements_of,
    current_statements,
    merge,
    merge_activities,
    with_consent,
    with_form_fields,
)
from services.enricher.domain.messages import merge_messages, messages_of
from services.enricher.domain.providers import value_of
from services.enricher.domain.record import IDENTIFIERS_MAX, LeadRow, with_identifiers
from services.enricher.domain.resolve import Resolution, shared_identifiers
from services.enricher.domain.row_keys import stored_lead
from services.enricher.domain.statements import Statement, grouped
from shared.errors import DataError
from shared.lead.arrival import received_lead
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Person
from shared.lead.identity import Identity
from shared.storage.rows import IdentityMap

_FORM = "form"


def is_new_lead(rows: IdentityMap, resolution: Resolution) -> bool:
    """Return whether a form begins a lead of which nothing at all is stored."""
    return not resolution.merged and rows.get(LeadRow, resolution.lead_id) is None


def merged_lead(
    rows: IdentityMap, resolution: Resolution, form: Form, at: datetime, *, begun: LeadRow | None = None
) -> LeadRow:
    """Return the lead that a form belongs to, with the form and with the leads that it merges into it.

    `begun` is what this returned for the same form when nothing was stored of the person.
    """
    form = replace(form, normalised=received_lead(form.normalised, at))
    is_same = begun is not None and (begun.lead_id, begun.last_at) == (resolution.lead_id, at)
    if begun is not None and is_same and is_new_lead(rows, resolution):
        return begun
    lead = rows.get(LeadRow, resolution.lead_id) or LeadRow(resolution.lead_id)
    for other in leads_to_merge(rows, resolution, lead):
        lead = merge_leads(lead, other)
    return merge(lead, form, at)


def leads_to_merge(rows: IdentityMap, resolution: Resolution, lead: LeadRow) -> list[LeadRow]:
    """Return the leads that a form merges into `lead`: those whose identifiers it has room for."""
    found, names = [], set(lead.identifiers)
    for other in filter(None, (stored_lead(rows, lead_id) for lead_id in resolution.merged)):
        if len(names.union(other.identifiers)) <= IDENTIFIERS_MAX:
            names.update(other.identifiers)
            found.append(other)
    return found


def merge_leads(lead: LeadRow, other: LeadRow) -> LeadRow:
    """Return `lead` with all that is known of `other`, as if the forms of both had been sent to it.

    What a provider said of `other` fills gaps, and of its company only if both are at the same one.
    `revision`, `sequence` and the enrichment are those of `lead`.
    """
    before = lead
    for statement in grouped(current_statements(other)):
        fields = [name for name in statement.fields if _is_stated(other, name)]
        form = _as_form(other, fields, statement)
        lead = with_form_fields(lead, form, replace(statement, fields=()), current_statements(lead))
    lead = _with_provider_values(lead, other)
    lead = with_identifiers(lead, other.identifiers)
    lead = with_consent(lead, consent_statements_of(other))
    return replace(
        lead,
        activities=merge_activities(lead.activities, other.activities),
        messages=merge_messages(messages_of(before), messages_of(other)),
        first_at=min(filter(None, (lead.first_at, other.first_at)), default=None),
        last_at=max(filter(None, (lead.last_at, other.last_at)), default=None),
        merged=list(dict.fromkeys((*(lead.merged or []), *(other.merged or []), other.lead_id))),
    )


def lead_since(lead: LeadRow, erased_at: datetime) -> LeadRow | None:
    """Return the lead by what its forms stated after an erasure alone; None when none was sent after it.

    The e-mail address stays, because the later form was found to be the lead's by it. What providers said
    is looked up again.
    """
    if lead.last_at is None or lead.last_at <= erased_at:
        return None
    later = [one for one in grouped(current_statements(lead)) if one.at > erased_at]
    names = {"person.email", *(name for one in later for name in one.fields)}
    fields = [name for name in sorted(names) if _is_stated(lead, name)]
    stated = _as_form(lead, fields, Statement(lead.last_at))
    received = replace(
        stated.normalised,
        activities=[activity for activity in lead.activities if activity.at > erased_at],
        trust="public" if later and all(one.public for one in later) else None,
    )
    try:
        form = normalise_form(received)
    except DataError:
        return None
    since = merge(LeadRow(lead.lead_id, revision=1), form, lead.last_at)
    choices = asdict(consent_statements_of(lead))
    since = with_consent(
        since, ConsentStatements(**{k: one for k, one in choices.items() if one and one.at > erased_at})
    )
    return replace(
        with_identifiers(since, shared_identifiers(form.identity)),
        account=account_of(since),
        enrichment=replace(since.enrichment, status="incomplete"),
    )


def _is_stated(lead: LeadRow, name: str) -> bool:
    """Return whether a person or a form stated a field: what a provider said is merged in another way."""
    origin = lead.provenance.get(name)
    return origin is None or origin.source == _FORM


def _as_form(lead: LeadRow, fields: Iterable[str], statement: Statement) -> Form:
    """Return the form that would state these fields of a lead, with the values that they have."""
    by_part: dict[str, dict[str, object]] = {"person": {}, "company": {}, "source": {}, "answers": {}}
    values = {part: asdict(getattr(lead, part)) for part in ("person", "company", "source")}
    values["answers"] = lead.answers
    for name in fields:
        part, _, attribute = name.partition(".")
        if attribute:
            by_part[part][attribute] = values[part][attribute]
    return Form(
        normalised=LeadReceivedV1(
            person=Person(**by_part["person"]),  # type: ignore[arg-type]
            company=Company(**by_part["company"]),  # type: ignore[arg-type]
            source=Origin(**by_part["source"]),  # type: ignore[arg-type]
            message=lead.message if "message" in fields else None,
            answers=by_part["answers"],  # type: ignore[arg-type]
        ),
        identity=Identity(lead.lead_id, "phone", ()),
        given=tuple(f"{part}.{name}" for part in ("person", "company") for name in by_part[part]),
        unparsed=frozenset(by_part["person"]) if statement.unparsed else frozenset(),
    )


def _with_provider_values(lead: LeadRow, other: LeadRow) -> LeadRow:
    """Return the lead with what providers said of `other` where nothing is known."""
    same_company = _company(lead) is None or _company(lead) == _company(other)
    changes: dict[str, dict[str, object]] = {"person": {}, "company": {}}
    provenance = dict(lead.provenance)
    for name, origin in other.provenance.items():
        part, _, attribute = name.partition(".")
        known = value_of(lead.person, lead.company, name)
        if origin.source == _FORM or known or known == 0 or (part == "company" and not same_company):
            continue
        changes[part][attribute] = value_of(other.person, other.company, name)
        provenance[name] = origin
    return replace(
        lead,
        person=replace(lead.person, **changes["person"]),
        company=replace(lead.company, **changes["company"]),
        provenance=provenance,
    )


def _company(lead: LeadRow) -> str | None:
    return company_account(lead.company.domain) if lead.company.domain else None
