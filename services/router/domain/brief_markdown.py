"""Renders the brief as Markdown that reads well in Slack, in a CRM and as plain text.

Slack's markup and CommonMark differ: headings and `**` mean nothing to Slack, and both show `*x*` as
emphasis. So titles are `*x*`, lists begin with `- `, quotations with `> `, and nothing else is used. Every
text of a buyer or of a vendor goes through `literal_text`, and no line begins with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from services.router.domain.activity_words import page_path
from services.router.domain.day_words import day_of_year
from services.router.domain.qualification import answer_text
from services.router.domain.score_words import score_in_words
from services.router.domain.signal_words import money_words
from services.router.domain.trigger_words import FORM_NAME, recent_events
from shared.lead.buying_roles import BUYING_ROLES
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Company
from shared.lead.events.routing import Brief, BriefHandOff
from shared.lead.literal_text import code_text, literal_line, literal_text

QUOTE_LENGTH_MAX: Final = 500
ANSWER_WORDS_MIN: Final = 4
"""Shorter answers were chosen from a list, not written, and are not quoted."""
_ANSWERS_MAX: Final = 8
_NOTES_MAX: Final = 12
_NAMES_MAX: Final = 8
_INITIALS_MAX: Final = 2
"""Roles of at most this length are initials, like `hr` and `it`, and are written in capitals."""
_PROFILE = re.compile(r"https://www\.linkedin\.com/in/[a-z0-9%-]{1,200}")
"""A profile's URL in its normal form: the one link of a brief, as no stranger can choose where it leads."""
_EMAIL_STATUSES: Final = {
    "verified": "verified",
    "risky": "risky, may bounce",
    "invalid": "invalid, will bounce",
    "unknown": "not verified",
}
_STATES: Final = {"known": "", "inferred": " (likely)", "unknown": " (missing)"}
"""What follows the name of an element that there are words on; of an unknown one they deny it."""
_RELATIONS: Final = {"target": "Target account", "customer": "Customer", "partner": "Partner"}


def render_markdown(data: LeadScoredV1, brief: Brief, company: str | None, at: datetime) -> str:
    """Return the brief in Markdown; `company` is the name of the company, `at` the time of the brief."""
    by = brief.hand_off.by if brief.hand_off else None
    score = data.score
    sections: dict[str, Iterable[str]] = {
        "*Earlier owners*": (
            f"- {literal_text(one.details)}" for one in (brief.hand_off.rejections if brief.hand_off else ())
        ),
        f"*Handed over by {literal_text(by)}*" if by else "*Hand-over notes*": _notes(brief),
        "*In their words*": _words_of_buyer(data, brief),
        "*Contact*": _contact(brief),
        "*Company*": _company(brief.company),
        "*At the account*": _account(brief),
        f"*Qualification ({brief.qualification.frame.upper()})*": _qualification(brief),
        "*Ask next*": (f"- {question}" for question in brief.ask_next),
        "*Opening*": (f"> {literal_text(brief.warm_intro)}",),
        f"*Score {score.total}, grade {literal_text(score.grade)}*": (
            f"- {literal_line(line)}" for line in score_in_words(data, at)
        ),
    }
    as_of = at.astimezone(UTC)
    parts = ["\n".join(_headline(data, brief, company, at))]
    parts += ("\n".join((title, *lines)) for title, found in sections.items() if (lines := list(found)))
    parts.append(f"As of {day_of_year(as_of.date())}, {as_of:%H:%M} UTC")
    return "\n\n".join(parts)


def _headline(data: LeadScoredV1, brief: Brief, company: str | None, at: datetime) -> Iterator[str]:
    """Yield who it is, why now, and what else happened lately."""
    contact = brief.contact
    name = literal_text(contact.name or "") or code_text(contact.email or contact.phone or "")
    who = ", ".join(filter(None, (name, literal_text(contact.title or ""))))
    where = literal_text(company or "")
    yield f"*Lead:* {' at '.join(filter(None, (who, where))) if who else f'{where}, no contact yet'}\n"
    yield f"*Why now:* {literal_text(brief.trigger.details)}"
    yield from (f"- {literal_line(event)}" for event in recent_events(data, at))


def _notes(brief: Brief) -> Iterator[str]:
    """Yield what the previous owner noted."""
    hand_off = brief.hand_off or BriefHandOff(None, {})
    for name, note in islice(hand_off.notes.items(), _NOTES_MAX):
        if text := _note_text(note):
            author = hand_off.noted_by.get(name)
            by = f" (noted by {literal_text(author)})" if author else ""
            yield f"- {_sentence_case(name)}: {literal_text(text)}{by}"


def _note_text(note: Any) -> str:
    if isinstance(note, Mapping):
        return "; ".join(f"{name}: {answer_text(value)}" for name, value in note.items())
    return answer_text(note)


def _words_of_buyer(data: LeadScoredV1, brief: Brief) -> Iterator[str]:
    """Yield the quotations, each a paragraph of its own, then the answers that were chosen from a list."""
    for number, quote in enumerate(brief.pain):
        yield from ([""] if number else [])
        yield f"> “{literal_text(quote.quote, QUOTE_LENGTH_MAX)}” ({literal_text(quote.origin)})"
    chosen = [
        f"- {_sentence_case(label)}: {'yes' if answer is True else literal_text(text)}"
        for label, answer in data.answers.items()
        if label != FORM_NAME and (text := answer_text(answer)) and len(text.split()) < ANSWER_WORDS_MIN
    ]
    yield from ([""] if brief.pain and chosen else [])
    yield from chosen[:_ANSWERS_MAX]


def _contact(brief: Brief) -> Iterator[str]:
    """Yield how to reach the person, and where the lead came from."""
    contact, source = brief.contact, brief.source
    if not (contact.email or contact.phone or contact.linkedin_url):
        return
    if contact.email:
        status = _EMAIL_STATUSES.get(contact.email_status or "", "")
        yield f"- E-mail: {code_text(contact.email)}{f' ({status})' if status else ''}"
    if contact.phone:
        yield f"- Phone: {literal_text(contact.phone.replace(';ext=', ' ext. '))}"
    if contact.linkedin_url:
        yield f"- LinkedIn: {_profile_text(contact.linkedin_url)}"
    if contact.time_zone:
        yield f"- Time zone: {contact.time_zone.replace('_', ' ')}"
    came_by = (
        source.channel,
        source.form and f"form “{source.form}”",
        source.campaign and f"campaign “{source.campaign}”",
        page_path(source.page) and f"page {page_path(source.page)}",
    )
    if any(came_by):
        yield f"- Source: {literal_text(', '.join(filter(None, came_by)))}"


def _profile_text(url: str) -> str:
    return url if _PROFILE.fullmatch(url) else code_text(url)


def _company(company: Company) -> Iterator[str]:
    """Yield what is known of the company: its size, its money, its tools."""
    growth = company.growth_pct or 0
    size = (
        f"{company.employees:,} employees" if company.employees is not None else None,
        f"revenue {money_words(company.revenue_usd, 'USD')}" if company.revenue_usd else None,
        f"{'grew' if growth > 0 else 'shrank'} by {abs(growth)} %" if growth else None,
    )
    if any(size):
        yield f"- Size: {', '.join(filter(None, size))}"
    for title, fact in (("Industry", company.industry), ("Country", company.country)):
        if fact:
            yield f"- {title}: {literal_text(fact)}"
    if company.domain:
        yield f"- Domain: {code_text(company.domain)}"
    if company.parent:
        yield f"- Belongs to: {literal_text(company.parent)}"
    if company.funding_total_usd or company.last_funding_at:
        total = (
            f"{money_words(company.funding_total_usd, 'USD')} in all" if company.funding_total_usd else None
        )
        last = f"last on {day_of_year(company.last_funding_at.date())}" if company.last_funding_at else None
        yield f"- Funding: {', '.join(filter(None, (total, last)))}"
    for title, names in (("Uses", company.technologies), ("Hires", company.hiring)):
        if names:
            yield f"- {title}: {literal_text(', '.join(names[:_NAMES_MAX]))}"


def _account(brief: Brief) -> Iterator[str]:
    """Yield how the account stands to us, who of it is here and what they did, and who else is known."""
    account = brief.account
    known = (
        _RELATIONS.get(account.relation),
        "open opportunity" if account.open_opportunity else None,
        f"owner {account.owner}" if account.owner else None,
    )
    if any(known):
        yield f"- {_sentence_case(', '.join(filter(None, known)))}"
    if account.matched:
        yield f"- {_sentence_case(account.matched)}"
    for lead in account.other_leads:
        name = lead.name or "without a name"
        who = code_text(name) if "@" in name else literal_text(name)
        described = ", ".join(
            filter(None, (lead.title, lead.did, f"with {lead.owner}" if lead.owner else None))
        )
        yield f"- Colleague {who}{f', {literal_text(described)}' if described else ''}"
    for stakeholder in brief.stakeholders:
        who = ", ".join(filter(None, (stakeholder.name, stakeholder.title)))
        if stakeholder.known_from == "a buying signal":
            yield f"- New there: {literal_text(who)}"
        elif stakeholder.role in BUYING_ROLES:
            origin = f"{stakeholder.role.replace('_', ' ')}, named by {stakeholder.known_from}"
            reach = [code_text(stakeholder.email)] if stakeholder.email else []
            reach += [_profile_text(stakeholder.linkedin_url)] if stakeholder.linkedin_url else []
            yield f"- Found there: {', '.join((literal_text(f'{who} ({origin})'), *reach))}"
    roles = [
        role.upper() if len(role) <= _INITIALS_MAX else role
        for stakeholder in brief.stakeholders
        if stakeholder.name is None and stakeholder.title is None and (role := stakeholder.role)
    ]
    if roles:
        yield f"- Also active: somebody in {literal_text(', '.join(roles))}"


def _qualification(brief: Brief) -> Iterator[str]:
    """Yield what is known, likely or denied with its evidence, and the names of what is not known."""
    unknown = []
    for element in brief.qualification.elements:
        name = element.name.removeprefix("identify_").replace("_", " ")
        if element.state == "unknown" and element.evidence is None:
            unknown.append(name)
        else:
            state = _STATES[element.state]
            yield f"- {_sentence_case(name)}{state}: {literal_text(element.evidence or 'known')}"
    if unknown:
        yield f"- Not known yet: {', '.join(unknown)}"


def _sentence_case(text: str) -> str:
    """Return a literal text that begins with a capital letter."""
    line = literal_line(text.replace("_", " "))
    return line[:1].upper() + line[1:]
