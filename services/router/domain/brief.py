"""The hand-off brief for the lead's owner. It is made from the lead's data only; nothing is invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from services.router.domain.activity_words import activity_words, page_path
from services.router.domain.brief_markdown import ANSWER_WORDS_MIN, QUOTE_LENGTH_MAX, render_markdown
from services.router.domain.day_words import ago
from services.router.domain.matching_words import matching_words
from services.router.domain.opening import opening
from services.router.domain.qualification import answer_text, qualify, questions_to_ask
from services.router.domain.rejections import brief_rejections, denials_of
from services.router.domain.signal_words import executive_of
from services.router.domain.state import AccountContactRow, Rejection
from services.router.domain.time_zones import time_zone_of
from services.router.domain.trigger_words import FORM_NAME, trigger_in_words, trigger_signal
from shared.lead.derived import with_derived
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Person
from shared.lead.events.routing import (
    Brief,
    BriefAccount,
    BriefHandOff,
    BriefSource,
    Contact,
    OtherLead,
    Quote,
    Stakeholder,
)
from shared.policy.frames import Frame
from shared.shortened import shortened

STAKEHOLDERS_MAX: Final = 10
_ANSWERS_QUOTED_MAX: Final = 4
_QUESTIONS_MAX: Final = 4
_ROLES_MAX: Final = 10


def build_brief(
    data: LeadScoredV1,
    frame: Frame,
    *,
    at: datetime,
    owner: str | None = None,
    contacts: Iterable[AccountContactRow] = (),
    hand_off: BriefHandOff | None = None,
    rejections: Sequence[Rejection] = (),
    is_by_key: bool = False,
    owned_since: datetime | None = None,
    name_of: Callable[[str], str] = str,
) -> Brief:
    """Return the brief on a scored lead, which is qualified by `frame`.

    `owner` is the name that signs the opening, `contacts` are people of the account with owned leads,
    `hand_off` is what the previous owner noted; `is_by_key` says that it names an API key instead of a rep,
    which a buyer is not told. `rejections` are those of earlier owners. `owned_since` is when the owner got
    the lead. `name_of` returns the name of a rep by id, else the text. Days are given relative to `at`.
    """
    data = with_derived(data)
    contacts = [contact for contact in contacts if contact.lead_id != data.lead_id][:STAKEHOLDERS_MAX]
    qualification = qualify(
        data, frame, hand_off.notes if hand_off else {}, denials_of(rejections, name_of, at)
    )
    view, trigger = data.account_view, trigger_in_words(data, at)
    # What happened since is news from the buyer to this owner, and no more about the hand-over.
    shown = brief_rejections(rejections, name_of, at)
    is_resumed = bool(rejections) and trigger.at is not None and trigger.at < rejections[0].at
    is_newer = owned_since is not None and trigger.at is not None and trigger.at > owned_since
    brief = Brief(
        contact=_contact(data),
        source=source_of(data),
        company=data.company,
        pain=[*_message_quotes(data, at), *islice(_answer_quotes(data), _ANSWERS_QUOTED_MAX)],
        stakeholders=stakeholders_of(data, contacts),
        account=BriefAccount(
            relation=view.relation,
            owner=name_of(view.owner) if view.owner else None,
            open_opportunity=view.open_opportunity,
            matched=matching_words(data),
            other_leads=[_other_lead(contact, name_of, at) for contact in contacts],
        ),
        trigger=trigger,
        hand_off=replace(hand_off or BriefHandOff(None, {}), rejections=shown) if shown else hand_off,
        qualification=qualification,
        score_lines=data.score.lines,
        ask_next=questions_to_ask(qualification)[:_QUESTIONS_MAX],
        warm_intro=opening(
            data,
            company=company_name(data),
            signal=trigger_signal(data),
            owner=owner,
            is_resumed=is_resumed,
            hand_off=None if is_newer else replace(hand_off, by=None) if hand_off and is_by_key else hand_off,
            at=at,
        ),
        markdown="",
    )
    return replace(brief, markdown=render_markdown(data, brief, company_name(data), at))


def company_name(data: LeadScoredV1) -> str | None:
    """Return the name of the company, else its domain; None for a person without a company."""
    account = data.account if data.account != data.lead_id else None
    return data.company.name or data.company.domain or account


def _contact(data: LeadScoredV1) -> Contact:
    person = data.person
    return Contact(
        name=person.full_name,
        title=person.title,
        email=person.email,
        email_status=person.email_status,
        phone=person.phone,
        linkedin_url=person.linkedin_url,
        time_zone=time_zone_of(person.phone, person.country, data.company.country),
    )


def source_of(data: LeadScoredV1) -> BriefSource:
    """Return where the lead came from; a form is given by its name, else by its id."""
    source = data.source
    return BriefSource(
        channel=source.channel,
        form=answer_text(data.answers.get(FORM_NAME)) or source.form_id,
        campaign=source.campaign or source.utm.get("campaign"),
        page=source.page_url,
    )


def _message_quotes(data: LeadScoredV1, at: datetime) -> Iterator[Quote]:
    """Yield what the person wrote, the newest first, with when and where from."""
    if data.message and data.message.strip():
        sent_at = data.source.submitted_at or max((done.at for done in data.activities), default=None)
        yield _message_quote(data.message, sent_at, data.source.name, data.source.page_url, at)
    for message in data.earlier_messages:
        if message.text.strip():
            yield _message_quote(message.text, message.at, message.source, message.page, at)


def _message_quote(
    text: str, sent_at: datetime | None, source: str | None, page: str | None, at: datetime
) -> Quote:
    origin = ("message", ago(sent_at, at) if sent_at else None, source, page_path(page))
    return Quote(shortened(text.strip(), QUOTE_LENGTH_MAX), ", ".join(filter(None, origin)))


def _answer_quotes(data: LeadScoredV1) -> Iterator[Quote]:
    """Yield the written answers in the buyer's words, each with its question."""
    for label, answer in data.answers.items():
        text = answer_text(answer)
        if len(text.split()) >= ANSWER_WORDS_MIN and label != FORM_NAME:
            yield Quote(shortened(text, QUOTE_LENGTH_MAX), f"answer to “{label}”")


def _other_lead(contact: AccountContactRow, name_of: Callable[[str], str], at: datetime) -> OtherLead:
    person, did = contact.person, contact.last_activity
    return OtherLead(
        lead_id=contact.lead_id,
        name=person.full_name or person.email,
        title=person.title,
        owner=name_of(contact.rep) if contact.rep else None,
        did=f"{activity_words(did)} {ago(did.at, at)}" if did else None,
    )


def stakeholders_of(data: LeadScoredV1, contacts: Iterable[AccountContactRow]) -> list[Stakeholder]:
    """Return the lead's person, other people of the account, new executives, then people and roles.

    The people are those whom providers named and who are no leads, the roles those that nobody named has.
    """
    people = [(data.person, "this lead"), *((contact.person, "another lead") for contact in contacts)]
    found = [
        Stakeholder(person.full_name or person.email, person.title, person.department, known_from)
        for person, known_from in people
    ]
    known = {name for person, _ in people for name in _names_of(person)}
    hires = (signal for signal in data.signals.live if signal.type == "executive_hire")
    found += (Stakeholder(*executive_of(signal), None, "a buying signal") for signal in hires)
    found += [
        Stakeholder(
            one.name,
            one.title,
            one.role,
            one.known_from,
            email=one.email or UNSET,
            linkedin_url=one.linkedin_url or UNSET,
        )
        for one in data.stakeholders_found
        if known.isdisjoint((one.name.casefold(), one.email, one.linkedin_url))
    ]
    named = [one for one in found if one.name is not None or one.title is not None][:STAKEHOLDERS_MAX]
    covered = {person.role for person in named}
    roles = [role for role in data.account_view.roles if role not in covered][:_ROLES_MAX]
    return named + [Stakeholder(None, None, role, "the account") for role in roles]


def _names_of(person: Person) -> set[str]:
    """Return what two mentions of one person have in common: name, address or profile."""
    name = person.full_name
    return {text for text in (name and name.casefold(), person.email, person.linkedin_url) if text}
