"""Merges a form into a lead record. Pure.

Of each field the statement holds that weighs more (`statements`), and what a form does not state stays. So
the forms of a lead give the same record in whatever order they arrive, and merging one again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.enricher.domain.consent import (
    ConsentStatements,
    consent_of,
    consent_statements,
    merge_consent,
    stored_consent,
)
from services.enricher.domain.form import Form, company_account, stated
from services.enricher.domain.messages import merge_messages, messages_of
from services.enricher.domain.providers import value_of
from services.enricher.domain.record import LeadRow, has_found_address
from services.enricher.domain.statements import Statement, by_field, grouped, outweighs, stated_at
from shared.lead.bounds import WORDS_BYTES_MAX, newest_within
from shared.lead.derived import derive_fields, derived_of
from shared.lead.duplicates import activity_identity
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import (
    Activity,
    Answers,
    Company,
    DerivedFields,
    EventPart,
    FieldSource,
    Message,
    Origin,
    Person,
    Provenance,
)
from shared.lead.normalise.domains import mail_company
from shared.lead.normalise.titles import department, seniority

ACTIVITIES_MAX: Final = 200
ANSWERS_MAX: Final = 200
LIST_MAX: Final = 500

_FORM: Final = "form"
_PERSON: Final = "person."
_COMPANY: Final = "company."
_SOURCE: Final = "source."
_ANSWERS: Final = "answers."
_MESSAGE: Final = "message"
_EMAIL: Final = "person.email"
_TITLE: Final = "person.title"
_DOMAIN: Final = "company.domain"
FOUND_ADDRESS: Final = frozenset({"person.email", "person.email_status"})
"""What a provider says of an address that it found for a lead without one."""
_FOUND: Final = Statement(datetime.min.replace(tzinfo=UTC), public=True, unparsed=True, derived=True)
"""Whatever address a person states is theirs rather than one that was found."""
_FROM_TITLE: Final = {"person.seniority": seniority, "person.department": department}
_sorted_json = msgspec.json.Encoder(order="sorted").encode

T = TypeVar("T")
StatementByField = Mapping[str, Statement]
"""The statement that holds for each field, by the field's dotted name."""


def account_of(lead: LeadRow) -> str:
    """Return the key of the account that the lead belongs to; its own id when it has none."""
    domain = lead.company.domain
    by_company = company_account(domain) if domain else ""
    return by_company or _email_company(lead.person, derived_of(lead)) or lead.lead_id


def merge(lead: LeadRow, form: Form, at: datetime) -> LeadRow:
    """Return the lead with a form that arrived at `at`; `revision` and `sequence` are not counted up."""
    received = form.normalised
    statement = Statement(stated_at(received, at), public=received.trust == "public")
    source, messages = received.source, []
    if received.message is not None:
        messages = [Message(received.message, statement.at, source.name or source.channel, source.page_url)]
    merged = replace(
        lead,
        activities=merge_activities(lead.activities, received.activities),
        messages=merge_messages(messages_of(lead), messages),
        consent_statements=consent_statements_of(lead),
        first_at=min(lead.first_at or at, at),
        last_at=max(lead.last_at or at, at),
    )
    merged = with_consent(merged, consent_statements(received, statement.at, at))
    return with_form_fields(merged, form, statement, current_statements(lead))


def with_form_fields(lead: LeadRow, form: Form, statement: Statement, current: StatementByField) -> LeadRow:
    """Return the lead with the fields of a form for which its statement holds, not one of `current`."""
    received = form.normalised
    accepted = accepted_statements(form, statement, current)
    if _EMAIL in accepted:
        lead = without_found_address(lead)
    if _DOMAIN in accepted:
        lead, current = _at_company(lead, current, received.company.domain)
        accepted = accepted_statements(form, statement, current)
    person, current = merge_person(lead.person, form, accepted, {**current, **accepted})
    merged = replace(
        lead,
        person=person,
        company=merge_company(lead.company, received.company, accepted),
        message=received.message if _MESSAGE in accepted else lead.message,
        source=replace(
            merge_source(lead.source, received.source, accepted), honeypot=is_caught(lead, received)
        ),
        answers=merge_answers(lead.answers, received.answers, accepted, current),
    )
    merged = replace(
        merged,
        provenance=merge_provenance(lead, merged, accepted, current),
        derived=derive_fields(
            person,
            merged.company,
            merged.message,
            merged.source,
            email_is_found=has_found_address(merged.provenance),
        ),
    )
    return with_statements(*with_email_domain(merged, current))


def without_found_address(lead: LeadRow) -> LeadRow:
    """Return the lead without an address that a provider found, and what was said of that."""
    if not has_found_address(lead.provenance):
        return lead
    return replace(
        lead,
        person=replace(lead.person, email=None, email_kind=None, email_status=None),
        provenance={name: one for name, one in lead.provenance.items() if name not in FOUND_ADDRESS},
    )


def is_caught(lead: LeadRow, received: LeadReceivedV1) -> bool | None:
    """Return true while a lead consists of forms that a honeypot caught, else None.

    One that was not caught clears the lead, and a lead that is known does not become spam by one that was.
    """
    is_known = lead.revision > 0 and not lead.source.honeypot
    return True if received.source.honeypot and not is_known else None


def current_statements(lead: LeadRow) -> StatementByField:
    """Return the statement that holds for each field of a lead."""
    others = [f"{_ANSWERS}{name}" for name in lead.answers]
    others += [f"{_SOURCE}{name}" for name in stated(lead.source)]
    if lead.message is not None:
        others.append(_MESSAGE)
    current = by_field(lead.statements or (), lead.provenance, others, lead.last_at)
    if has_found_address(lead.provenance):
        current |= {name: _FOUND for name in FOUND_ADDRESS if name in current}
    return current


def is_known_by_public_forms_alone(lead: LeadRow) -> bool:
    """Return whether a lead is known by forms of public sources alone."""
    statements = lead.statements or ()
    return bool(statements) and all(statement.public for statement in statements)


def with_statements(lead: LeadRow, current: StatementByField) -> LeadRow:
    """Return the lead with the statements that hold for its fields; those of providers are its provenance."""
    kept: dict[str, Statement] = {}
    for name, statement in current.items():
        if name.startswith(_ANSWERS) and name.removeprefix(_ANSWERS) not in lead.answers:
            continue
        origin = lead.provenance.get(name)
        if origin is None or origin.source == _FORM:
            kept[name] = statement
    return replace(lead, statements=grouped(kept))


def consent_statements_of(lead: LeadRow) -> ConsentStatements:
    """Return the statements that decide on a lead's consent."""
    return lead.consent_statements or stored_consent(lead.consent, lead.last_at)


def with_consent(lead: LeadRow, stated_consent: ConsentStatements) -> LeadRow:
    """Return the lead with more statements about its consent."""
    statements = merge_consent(consent_statements_of(lead), stated_consent)
    return replace(lead, consent=consent_of(statements), consent_statements=statements)


def accepted_statements(form: Form, statement: Statement, current: StatementByField) -> StatementByField:
    """Return the form's statement for each field of which it holds, rather than the one before."""
    received = form.normalised
    names = [*form.given, *(f"{_SOURCE}{name}" for name in stated(received.source))]
    names += [f"{_ANSWERS}{name}" for name in received.answers]
    if received.message is not None:
        names.append(_MESSAGE)
    unparsed = {f"{_PERSON}{name}" for name in form.unparsed}
    stated_now = {
        name: replace(statement, unparsed=True) if name in unparsed else statement for name in names
    }
    return {name: one for name, one in stated_now.items() if outweighs(name, one, current.get(name))}


def merge_person(
    stored: Person, form: Form, accepted: StatementByField, current: StatementByField
) -> tuple[Person, StatementByField]:
    """Return the person of both, and the statements that hold then.

    A title brings its own seniority and department, even if it has none, unless they were stated with it or
    later. The kind of an e-mail address belongs to the address.
    """
    received = form.normalised.person
    changes = _accepted_values(_PERSON, received, accepted)
    if _EMAIL in accepted:
        changes["email_kind"] = received.email_kind
    current = dict(current)
    for name, derive in _FROM_TITLE.items():
        own, title = current.get(name), current.get(_TITLE)
        if (
            accepted.keys().isdisjoint((name, _TITLE))
            or title is None
            or (own and outweighs(name, own, title))
        ):
            continue
        current.pop(name, None)
        changes[name.removeprefix(_PERSON)] = derive(changes.get("title", stored.title))
    person = replace(stored, **changes)
    return person if person.email_kind else replace(person, email_kind="none"), current


def merge_company(stored: Company, received: Company, accepted: StatementByField) -> Company:
    """Return the company of both; technologies and hiring are collected, the newest are kept."""
    return replace(
        replace(stored, **_accepted_values(_COMPANY, received, accepted)),
        technologies=newest_words((*stored.technologies, *received.technologies)),
        hiring=newest_words((*stored.hiring, *received.hiring)),
    )


def merge_source(stored: Origin, received: Origin, accepted: StatementByField) -> Origin:
    """Return the source of the newer form, with what it does not say from the older one."""
    merged = replace(stored, **_accepted_values(_SOURCE, received, accepted))
    utm = newest_within([(item, _sorted_json(item)) for item in merged.utm.items()], WORDS_BYTES_MAX)
    return replace(merged, utm=dict(utm))


def with_email_domain(lead: LeadRow, current: StatementByField) -> tuple[LeadRow, StatementByField]:
    """Return the lead at the company of its e-mail address, unless a better statement names another company.

    A domain that follows from a proven address is itself better than what a public form says.
    """
    if has_found_address(lead.provenance):
        return lead, current
    domain = _email_company(lead.person, derived_of(lead))
    email, known = current.get(_EMAIL), current.get(_DOMAIN)
    if domain is None or email is None or (known is None and lead.company.domain is not None):
        return lead, current
    derived = replace(email, derived=True)
    if not outweighs(_DOMAIN, derived, known):
        return lead, current
    if lead.company.domain != domain:
        lead, current = _at_company(lead, current, domain)
        lead = replace(
            lead,
            company=replace(lead.company, domain=domain),
            provenance={**lead.provenance, _DOMAIN: FieldSource(_FORM, 1.0, 0, email.at)},
        )
    return lead, {**current, _DOMAIN: derived}


def _email_company(person: Person, derived: DerivedFields) -> str | None:
    """Return the domain of the company that the lead's e-mail address is at, `None` for a mail service.

    Which hosts an installation adds to the mail services is decided when the form is read: see `email_kind`.
    """
    if person.email_kind == "free" or not derived.email_domain:
        return None
    return mail_company(derived.email_domain)


def without_former_company(lead: LeadRow, domain: str | None) -> LeadRow:
    """Return the lead as known at the company of a domain.

    When that is another company than before, what providers and others said of the old one is removed.
    """
    if domain is None or lead.company.domain is None:
        return lead
    if company_account(domain) == company_account(lead.company.domain):
        return lead
    outdated = {
        name
        for name, origin in lead.provenance.items()
        if name.startswith("company.") and origin.source != _FORM
    }
    empty = Company()
    fields = (name.removeprefix("company.") for name in outdated)
    return replace(
        lead,
        company=replace(lead.company, **{name: getattr(empty, name) for name in fields}),
        provenance={name: origin for name, origin in lead.provenance.items() if name not in outdated},
    )


def _at_company(
    lead: LeadRow, current: StatementByField, domain: str | None
) -> tuple[LeadRow, StatementByField]:
    """Return the lead as known at the company of a domain, and the statements that hold then."""
    origins = lead.provenance.keys()
    lead = without_former_company(lead, domain)
    return lead, {
        name: one for name, one in current.items() if name in lead.provenance or name not in origins
    }


def merge_provenance(
    before: LeadRow, after: LeadRow, accepted: StatementByField, current: StatementByField
) -> Provenance:
    """Return the provenance with the form as source of the fields of which its statement holds.

    A value that a form gave before and that is unchanged keeps its first time.
    """
    provenance = {name: origin for name, origin in before.provenance.items() if name in current}
    for name in accepted.keys() & current.keys():
        if not name.startswith((_PERSON, _COMPANY)):
            continue
        at, known = accepted[name].at, provenance.get(name)
        if (
            known is not None
            and known.source == _FORM
            and value_of(before.person, before.company, name) == value_of(after.person, after.company, name)
        ):
            at = min(at, known.at)
        provenance[name] = FieldSource(_FORM, 1.0, 0, at)
    return provenance


def merge_answers(
    stored: Answers, received: Answers, accepted: StatementByField, current: StatementByField
) -> Answers:
    """Return the answers of both; those stated last come last, and the last are kept."""
    if not received:
        return stored
    merged = {name: answer for name, answer in stored.items() if f"{_ANSWERS}{name}" not in accepted}
    merged |= {name: answer for name, answer in received.items() if f"{_ANSWERS}{name}" in accepted}
    items = sorted(merged.items(), key=lambda item: current[f"{_ANSWERS}{item[0]}"].at)
    return dict(newest_within([(item, _sorted_json(item)) for item in items])[-ANSWERS_MAX:])


def merge_activities(stored: list[Activity], received: list[Activity]) -> list[Activity]:
    """Return distinct activities in the order of time; the newest are kept."""
    if not received:
        return stored
    ordered = [(activity, _sorted_json(activity)) for activity in (*stored, *received)]
    ordered.sort(key=lambda item: (item[0].at, item[1]))
    distinct: dict[tuple[datetime, str, str, bytes], tuple[Activity, bytes]] = {}
    for activity, text in ordered:
        distinct.setdefault(activity_identity(activity), (activity, text))
    return newest_within(list(distinct.values()))[-ACTIVITIES_MAX:]


def newest_words(words: Iterable[str]) -> list[str]:
    """Return distinct words, the last ones of those that fit into the bounds of a record."""
    return newest_within([(word, _sorted_json(word)) for word in dict.fromkeys(words)], WORDS_BYTES_MAX)[
        -LIST_MAX:
    ]


def _accepted_values(prefix: str, part: EventPart, accepted: StatementByField) -> dict[str, Any]:
    """Return the values of the fields under `prefix` for which the form's statement holds."""
    names = (name.removeprefix(prefix) for name in accepted if name.startswith(prefix))
    return {name: getattr(part, name) for name in names}
