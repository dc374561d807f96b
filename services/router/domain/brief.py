"""The hand-off brief: what the owner reads before the first word. From data only; nothing is invented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from services.router.domain.brief_markdown import page
from services.router.domain.qualification import answer_text, qualify, questions
from services.router.domain.state import AcquaintanceRow
from shared.lead.derived import with_derived
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Person
from shared.lead.events.routing import Brief, Quote, Stakeholder

STAKEHOLDERS_MAX: Final = 10
_QUOTE_LENGTH_MAX: Final = 500
_QUOTES_MAX: Final = 4
_ANSWER_WORDS_MIN: Final = 4
"""An answer of fewer words was chosen, not written."""
_QUESTIONS_MAX: Final = 4
_ROLES_MAX: Final = 10


def write_brief(
    data: LeadScoredV1, queue: str, owner: str | None = None, known: Iterable[AcquaintanceRow] = ()
) -> Brief:
    """Return the brief on a scored lead for a queue; `owner` signs, `known` are people of the account."""
    data = with_derived(data)
    qualification = qualify(data, queue)
    brief = Brief(
        company=data.company,
        pain=list(_pain(data))[:_QUOTES_MAX],
        stakeholders=_stakeholders(data, known),
        trigger=data.trigger,
        qualification=qualification,
        score_lines=data.score.lines,
        ask_next=questions(qualification)[:_QUESTIONS_MAX],
        warm_intro=_warm_intro(data, owner),
        markdown="",
    )
    return replace(brief, markdown=page(data, brief))


def _company_of(data: LeadScoredV1) -> str:
    """Return what the company is called as far as it is known."""
    return data.company.name or data.company.domain or data.account


def _pain(data: LeadScoredV1) -> Iterator[Quote]:
    message = (data.message or "").strip()
    if message:
        yield Quote(_cut(message), "message")
    for label, answer in data.answers.items():
        text = answer_text(answer)
        if len(text.split()) >= _ANSWER_WORDS_MIN:
            yield Quote(_cut(text), f"answers.{label}")


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTE_LENGTH_MAX else f"{text[: _QUOTE_LENGTH_MAX - 1].rstrip()}…"


def _stakeholders(data: LeadScoredV1, known: Iterable[AcquaintanceRow]) -> list[Stakeholder]:
    """Return the person, others of the account whose leads are owned, then roles without a name."""
    people = [_stakeholder(data.person, "this lead")]
    others = (each.person for each in known if each.lead_id != data.lead_id)
    people += (_stakeholder(person, "another lead") for person in others)
    found = [each for each in people if each is not None][:STAKEHOLDERS_MAX]
    named = {each.role for each in found}
    unnamed = [role for role in data.account_view.roles if role not in named][:_ROLES_MAX]
    return found + [Stakeholder(None, None, role, "the account") for role in unnamed]


def _stakeholder(person: Person, known_from: str) -> Stakeholder | None:
    name = _name_of(person) or person.email
    if name is None and person.title is None:
        return None
    return Stakeholder(name, person.title, person.department, known_from)


def _name_of(person: Person) -> str | None:
    return " ".join(part for part in (person.first_name, person.last_name) if part) or None


def _warm_intro(data: LeadScoredV1, owner: str | None) -> str:
    first_name = " ".join((data.person.first_name or "").split())
    greeting = f"Hi {first_name}," if first_name else "Hello,"
    ending = f" Best, {owner}" if owner else ""
    return f"{greeting} {_occasion(data)} Would a short call this week help?{ending}"


def _occasion(data: LeadScoredV1) -> str:
    company, kind = _company_of(data), data.trigger.type or ""
    if data.trigger.kind == "signal":
        return f"I saw the news at {company} ({kind.replace('_', ' ') or 'a signal'})."
    thanks: Sequence[tuple[str, str]] = (
        ("demo_request", f"thank you for asking for a demo for {company}."),
        ("contact_request", f"thank you for getting in touch from {company}."),
        ("trial_started", f"thank you for starting a trial at {company}."),
        ("content_download", f"thank you for your interest in our material at {company}."),
        ("webinar", f"thank you for joining our webinar from {company}."),
    )
    done = {each.type for each in data.activities} | {kind}
    default = f"thank you for your interest; I look after {company} here."
    return next((text for type_, text in thanks if type_ in done), default)
