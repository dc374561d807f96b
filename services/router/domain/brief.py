"""The hand-off brief for the lead's owner. It is made from the lead's data only; nothing is invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.router.domain.brief_markdown import render_markdown
from services.router.domain.qualification import answer_text, qualify, questions_to_ask
from services.router.domain.state import AccountContactRow
from shared.lead.derived import with_derived
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Person
from shared.lead.events.routing import Brief, BriefAccount, BriefHandOff, BriefTrigger, Quote, Stakeholder

STAKEHOLDERS_MAX: Final = 10
_QUOTE_LENGTH_MAX: Final = 500
_QUOTES_MAX: Final = 4
_ANSWER_WORDS_MIN: Final = 4
"""Shorter answers were chosen from a list, not written, and are not quoted."""
_QUESTIONS_MAX: Final = 4
_ROLES_MAX: Final = 10
_THANKS: Final[Sequence[tuple[str, str]]] = (
    ("demo_request", "thank you for asking for a demo for {company}."),
    ("contact_request", "thank you for getting in touch from {company}."),
    ("trial_started", "thank you for starting a trial at {company}."),
    ("content_download", "thank you for your interest in our material at {company}."),
    ("webinar", "thank you for joining our webinar from {company}."),
)
"""Opening sentences by type of activity; the first type that the lead has is used."""


def build_brief(
    data: LeadScoredV1,
    queue: str,
    *,
    at: datetime,
    owner: str | None = None,
    contacts: Iterable[AccountContactRow] = (),
    hand_off: BriefHandOff | None = None,
    name_of: Callable[[str], str] = str,
) -> Brief:
    """Return the brief on a scored lead for a queue.

    `owner` is the name that signs the opening, `contacts` are people of the account with owned leads,
    `hand_off` is what the previous owner noted. `name_of` returns the name of a rep by id, or the given text
    if it is no rep's id. Days are told relative to `at`, the time of the decision.
    """
    data = with_derived(data)
    qualification, view = qualify(data, queue), data.account_view
    brief = Brief(
        company=data.company,
        pain=list(pain_quotes(data))[:_QUOTES_MAX],
        stakeholders=stakeholders_of(data, contacts),
        account=BriefAccount(
            view.relation, name_of(view.owner) if view.owner else None, view.open_opportunity
        ),
        trigger=BriefTrigger(data.trigger.kind, data.trigger.type, at),
        qualification=qualification,
        hand_off=hand_off,
        score_lines=data.score.lines,
        ask_next=questions_to_ask(qualification)[:_QUESTIONS_MAX],
        warm_intro=warm_intro(data, owner),
        markdown="",
    )
    return replace(brief, markdown=render_markdown(data, brief))


def pain_quotes(data: LeadScoredV1) -> Iterator[Quote]:
    """Yield the message and every written answer, in the buyer's words, each with its source."""
    texts = {"message": (data.message or "").strip()}
    for label, answer in data.answers.items():
        text = answer_text(answer)
        if len(text.split()) >= _ANSWER_WORDS_MIN:
            texts[f"answers.{label}"] = text
    for source, text in texts.items():
        if text:
            cut = f"{text[: _QUOTE_LENGTH_MAX - 1].rstrip()}…"
            yield Quote(text if len(text) <= _QUOTE_LENGTH_MAX else cut, source)


def stakeholders_of(data: LeadScoredV1, contacts: Iterable[AccountContactRow]) -> list[Stakeholder]:
    """Return the lead's person, other people of the account, then roles that nobody named has."""
    people = [_stakeholder(data.person, "this lead")]
    others = (contact.person for contact in contacts if contact.lead_id != data.lead_id)
    people += (_stakeholder(person, "another lead") for person in others)
    named = [person for person in people if person is not None][:STAKEHOLDERS_MAX]
    covered = {person.role for person in named}
    roles = [role for role in data.account_view.roles if role not in covered][:_ROLES_MAX]
    return named + [Stakeholder(None, None, role, "the account") for role in roles]


def _stakeholder(person: Person, known_from: str) -> Stakeholder | None:
    """Return None for a person without name, address and title."""
    full_name = " ".join(part for part in (person.first_name, person.last_name) if part)
    name = full_name or person.email
    if name is None and person.title is None:
        return None
    return Stakeholder(name, person.title, person.department, known_from)


def warm_intro(data: LeadScoredV1, owner: str | None) -> str:
    """Return the opening of a first message: greeting, the occasion, a question, the owner's name."""
    company, trigger_type = data.company.name or data.company.domain or data.account, data.trigger.type or ""
    if data.trigger.kind == "signal":
        occasion = f"I saw the news at {company} ({trigger_type.replace('_', ' ') or 'a signal'})."
    else:
        types = {activity.type for activity in data.activities} | {trigger_type}
        default = "thank you for your interest; I look after {company} here."
        template = next((text for type_, text in _THANKS if type_ in types), default)
        occasion = template.replace("{company}", company)
    first_name = " ".join((data.person.first_name or "").split())
    greeting = f"Hi {first_name}," if first_name else "Hello,"
    ending = f" Best, {owner}" if owner else ""
    return f"{greeting} {occasion} Would a short call this week help?{ending}"
