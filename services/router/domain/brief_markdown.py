"""The brief as a page of Markdown: a screenful, in which nothing that a buyer wrote is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Brief, Element, Stakeholder
from shared.lead.events.scoring import ScoreLine

_LINES_MAX: Final = 6
_LENGTH_MAX: Final = 300
_INITIALS_MAX: Final = 2
_STATES: Final = {"known": "known", "inferred": "inferred", "unknown": "?"}


def page(data: LeadScoredV1, brief: Brief) -> str:
    """Return the brief in Markdown."""
    return "\n".join((*_head(data, brief), *_people(brief), *_frame(brief), *_score(data), *_next(brief)))


def _head(data: LeadScoredV1, brief: Brief) -> Iterator[str]:
    company, view = brief.company, data.account_view
    yield f"# {plain(company.name or company.domain or data.account)}"
    employees = f"{company.employees:,} people" if company.employees is not None else None
    revenue = f"{company.revenue_usd:,} USD revenue" if company.revenue_usd is not None else None
    relation = view.relation if view.relation != "none" else None
    facts = [company.industry, employees, company.country, revenue, company.domain, relation]
    if any(facts):
        yield " · ".join(plain(fact) for fact in facts if fact)
    trigger = data.trigger
    occasion = f"{trigger.kind}: {trigger.type}" if trigger.type else trigger.kind
    yield f"\n- **Why now** {plain(occasion.replace('_', ' '))}"
    if data.signals.types:
        yield f"- **Signals** {plain(', '.join(data.signals.types).replace('_', ' '))}"
    for quote in brief.pain:
        yield f"\n> {plain(quote.quote)}\n> — {plain(quote.origin)}"


def _people(brief: Brief) -> Iterator[str]:
    if brief.stakeholders:
        yield "\n## People"
        yield from (f"- {_person(each)}" for each in brief.stakeholders)


def _person(known: Stakeholder) -> str:
    if known.name is None and known.title is None:
        role = known.role or ""
        return (
            f"somebody in {plain(role.upper() if len(role) <= _INITIALS_MAX else role)} ({known.known_from})"
        )
    parts = [part for part in (known.name, known.title) if part]
    return f"{', '.join(map(plain, parts))} ({known.known_from})"


def _frame(brief: Brief) -> Iterator[str]:
    yield f"\n## {brief.qualification.frame.upper()}"
    yield from map(_element, brief.qualification.elements)


def _element(element: Element) -> str:
    evidence = f": {plain(element.evidence)}" if element.evidence else ""
    return f"- {element.name.replace('_', ' ')} ({_STATES[element.state]}){evidence}"


def _score(data: LeadScoredV1) -> Iterator[str]:
    score = data.score
    yield f"\n## Score {score.total} ({plain(score.grade)}): fit {score.fit}, intent {score.intent}"
    strongest = sorted(score.lines, key=lambda line: -abs(line.points))[:_LINES_MAX]
    yield from map(_line, strongest)
    if len(score.lines) > len(strongest):
        yield f"- and {len(score.lines) - len(strongest)} more lines"


def _line(line: ScoreLine) -> str:
    return f"- {line.points:+d} {plain(line.rule)}: {plain(line.why.removeprefix(f'{line.rule}: '))}"


def _next(brief: Brief) -> Iterator[str]:
    if brief.ask_next:
        yield "\n## Ask next"
        yield from (f"- {question}" for question in brief.ask_next)
    yield f"\n## Opening\n{plain(brief.warm_intro)}"


def plain(text: str) -> str:
    """Return a person's text as one line, shortened, that Markdown reads as text."""
    if _PLAIN.fullmatch(text) and "://" not in text:
        return text
    line = " ".join(text.split())
    line = line if len(line) <= _LENGTH_MAX else f"{line[: _LENGTH_MAX - 1]}…"
    line = _MARKUP.sub(r"\\\g<0>", line).replace("://", ":\\//")
    return _OPENS_BLOCK.sub(r"\1\\\2", line)


_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&]")
_PLAIN = re.compile(rf"[A-Za-z(“][A-Za-z0-9 ,;:'\"“”…()!?%$€£@^.+/-]{{0,{_LENGTH_MAX - 1}}}")
"""Most texts are plain already; to see that is cheaper than to make them so."""
_OPENS_BLOCK = re.compile(r"^(\d{0,9})([-+=.)])(?=\s|=|-|$)")
"""What would begin a list, or underline a heading, at the start of a line."""
