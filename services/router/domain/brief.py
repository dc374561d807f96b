"""The hand-off brief: what the owner reads before the first word, made from the scored lead alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.events.lead_scored import LeadScoredV1
from shared.events.parts import Person
from shared.events.routing import Brief, Element, Qualification, Quote, Stakeholder
from shared.events.scoring import Line

_QUOTE_LENGTH_MAX: Final = 500
_QUESTIONS: Final = {
    "budget": "What is set aside for this, and when is it decided?",
    "authority": "Who else decides, and who signs?",
    "need": "What happens if nothing changes?",
    "timeline": "By when should this work?",
}
_QUALIFICATION: Final = Qualification("bant", [Element(name, "unknown", None) for name in _QUESTIONS])


def write_brief(data: LeadScoredV1) -> Brief:
    """Return the brief on a scored lead."""
    pain = _pain(data)
    stakeholders = _stakeholders(data.person)
    intro = _warm_intro(data)
    return Brief(
        company=data.company,
        pain=pain,
        stakeholders=stakeholders,
        trigger=data.trigger,
        qualification=_QUALIFICATION,
        score_lines=data.score.lines,
        ask_next=list(_QUESTIONS.values()),
        warm_intro=intro,
        markdown="\n".join(_markdown(data, pain, stakeholders, intro)),
    )


def _pain(data: LeadScoredV1) -> list[Quote]:
    message = (data.message or "").strip()
    return [Quote(quote=message[:_QUOTE_LENGTH_MAX], origin="message")] if message else []


def _stakeholders(person: Person) -> list[Stakeholder]:
    name = _name_of(person)
    if name is None and person.title is None and person.email is None:
        return []
    return [Stakeholder(name=name or person.email, title=person.title, role=None, known_from="form")]


def _name_of(person: Person) -> str | None:
    return " ".join(part for part in (person.first_name, person.last_name) if part) or None


def _company_of(data: LeadScoredV1) -> str:
    return data.company.name or data.company.domain or data.account


def _occasion(data: LeadScoredV1) -> str:
    return (data.trigger.type or data.trigger.kind).replace("_", " ")


def _warm_intro(data: LeadScoredV1) -> str:
    greeting = f"Hi {data.person.first_name}," if data.person.first_name else "Hello,"
    return f"{greeting} I saw the {_occasion(data)} at {_company_of(data)} and would like to help."


def _markdown(
    data: LeadScoredV1, pain: list[Quote], stakeholders: list[Stakeholder], intro: str
) -> Iterator[str]:
    yield f"# {_plain(_company_of(data))}"
    company = data.company
    facts = {"industry": company.industry, "employees": company.employees, "country": company.country}
    yield from (f"- {name}: {_plain(str(value))}" for name, value in facts.items() if value is not None)
    yield from (
        f"- {_plain(each.name or '')}{f', {_plain(each.title)}' if each.title else ''}"
        for each in stakeholders
    )
    yield f"- trigger: {_plain(_occasion(data))}"
    yield from (f"\n> {_plain(each.quote)}" for each in pain)
    yield f"\n## Score {data.score.total} ({data.score.grade})"
    yield from map(_line, data.score.lines)
    yield "\n## Ask next"
    yield from (f"- {question}" for question in _QUESTIONS.values())
    yield f"\n{_plain(intro)}"


def _line(line: Line) -> str:
    return f"- {line.points:+d} {_plain(line.rule)}: {_plain(line.why)}"


def _plain(text: str) -> str:
    """Return a person's text as one line that Markdown reads as text."""
    return " ".join(text.split()).translate(_ESCAPES)


_ESCAPES: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|"})
