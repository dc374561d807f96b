"""Renders the brief as Markdown, about a screenful. Text from buyers is escaped: it cannot add markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Brief

_SCORE_LINES_MAX: Final = 6
_LENGTH_MAX: Final = 300
_INITIALS_MAX: Final = 2
"""Roles of at most this length are initials, like `hr` and `it`, and are written in capitals."""
_STATE_LABELS: Final = {"known": "known", "inferred": "inferred", "unknown": "?"}

_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&]")
_UNREMARKABLE = re.compile(rf"[A-Za-z(“][A-Za-z0-9 ,;:'\"“”…()!?%$€£@^.+/-]{{0,{_LENGTH_MAX - 1}}}")
"""Text that needs no escaping, which is most of it; to recognise it is cheaper than to escape it."""
_EMAIL_ADDRESS = re.compile(r"[^\s`@]+@[^\s`@]+")
_LINK_SCHEME = re.compile(r"(mailto|xmpp):", re.IGNORECASE)
_LINK_DOT = re.compile(
    r"(?<=www)\.|(?<=\w)\.(?=(?:[a-z]{2}|aero|asia|biz|com|coop|dev|edu|gov|info|name|net|online|org|pro|shop"
    r"|site|top|web|xyz)\b)",
    re.IGNORECASE,
)
"""The dots of host names that renderers recognise without a scheme: after `www` and before a common TLD."""
_BLOCK_START = re.compile(r"^(\d{0,9})([-+=.)])(?=\s|=|-|$)")
"""Would begin a list, or underline a heading, at the start of a line."""


def render_markdown(data: LeadScoredV1, brief: Brief) -> str:
    """Return the brief in Markdown."""
    return "\n".join((*_company_lines(data, brief), *_people_lines(brief), *_sales_lines(data, brief)))


def escape_text(text: str) -> str:
    """Return text as one line of at most 300 characters that Markdown renders literally, without any link."""
    if _UNREMARKABLE.fullmatch(text) and not _is_linked(text):
        return text
    line = " ".join(text.split())
    line = line if len(line) <= _LENGTH_MAX else f"{line[: _LENGTH_MAX - 1]}…"
    # GitHub's renderer links an e-mail address whatever is escaped in it; in code no renderer links one.
    written, at = "", 0
    for address in _EMAIL_ADDRESS.finditer(line):
        written += f"{_escape(line[at : address.start()])}`{address[0]}`"
        at = address.end()
    return _BLOCK_START.sub(r"\1\\\2", written + _escape(line[at:]))


def _escape(text: str) -> str:
    """Escape markup, and what GitHub, Slack and others link without any markup: URLs, hosts and schemes."""
    text = _MARKUP.sub(r"\\\g<0>", text).replace("//", "\\//")
    return _LINK_DOT.sub(r"\\.", _LINK_SCHEME.sub(r"\1\\:", text))


def _is_linked(text: str) -> bool:
    return "//" in text or any(pattern.search(text) for pattern in (_EMAIL_ADDRESS, _LINK_SCHEME, _LINK_DOT))


def _company_lines(data: LeadScoredV1, brief: Brief) -> Iterator[str]:
    company, view = brief.company, data.account_view
    yield f"# {escape_text(company.name or company.domain or data.account)}"
    employees = f"{company.employees:,} people" if company.employees is not None else None
    revenue = f"{company.revenue_usd:,} USD revenue" if company.revenue_usd is not None else None
    relation = view.relation if view.relation != "none" else None
    facts = [company.industry, employees, company.country, revenue, company.domain, relation]
    if any(facts):
        yield " · ".join(escape_text(fact) for fact in facts if fact)
    trigger = data.trigger
    occasion = f"{trigger.kind}: {trigger.type}" if trigger.type else trigger.kind
    yield f"\n- **Why now** {escape_text(occasion.replace('_', ' '))}"
    if data.signals.types:
        yield f"- **Signals** {escape_text(', '.join(data.signals.types).replace('_', ' '))}"
    for quote in brief.pain:
        yield f"\n> {escape_text(quote.quote)}\n> — {escape_text(quote.origin)}"


def _people_lines(brief: Brief) -> Iterator[str]:
    if brief.stakeholders:
        yield "\n## People"
    for stakeholder in brief.stakeholders:
        role = stakeholder.role or ""
        somebody = f"somebody in {escape_text(role.upper() if len(role) <= _INITIALS_MAX else role)}"
        named = ", ".join(escape_text(part) for part in (stakeholder.name, stakeholder.title) if part)
        yield f"- {named or somebody} ({stakeholder.known_from})"


def _sales_lines(data: LeadScoredV1, brief: Brief) -> Iterator[str]:
    yield f"\n## {brief.qualification.frame.upper()}"
    for element in brief.qualification.elements:
        evidence = f": {escape_text(element.evidence)}" if element.evidence else ""
        yield f"- {element.name.replace('_', ' ')} ({_STATE_LABELS[element.state]}){evidence}"
    score = data.score
    yield f"\n## Score {score.total} ({escape_text(score.grade)}): fit {score.fit}, intent {score.intent}"
    strongest = sorted(score.lines, key=lambda line: -abs(line.points))[:_SCORE_LINES_MAX]
    for line in strongest:
        why = line.why.removeprefix(f"{line.rule}: ")
        yield f"- {line.points:+d} {escape_text(line.rule)}: {escape_text(why)}"
    if len(score.lines) > len(strongest):
        yield f"- and {len(score.lines) - len(strongest)} more lines"
    if brief.ask_next:
        yield "\n## Ask next"
        yield from (f"- {question}" for question in brief.ask_next)
    yield f"\n## Opening\n{escape_text(brief.warm_intro)}"
