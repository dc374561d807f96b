"""The opening of the owner's first message. It speaks of what happened, and thanks only who did something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.router.domain.activity_words import REQUESTS
from services.router.domain.signal_words import executive_of, signal_content
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import BriefHandOff
from shared.lead.events.scoring import LiveSignal

_INTRODUCTION: Final = "I wanted to introduce myself: I am {your_contact} here."
_AFTER_ACTIVITY: Final[Mapping[str, str]] = {
    "demo_request": "thank you for asking for a demo{for_company}.",
    "contact_request": "thank you for getting in touch{from_company}.",
    "trial_started": "thank you for starting a trial{at_company}. I am here if anything is unclear.",
    "content_download": "thank you for your interest in our material.",
    "webinar": "thank you for joining our webinar.",
    "email_reply": "thank you for your reply.",
    "event_visit": "thank you for visiting us at the event.",
    "call": "thank you for the call.",
    "pricing_view": "if you are weighing up prices, I can put together what fits {company}.",
}
_AFTER_SIGNAL: Final[Mapping[str, str]] = {
    "funding_round": "I saw that {company} {what}: congratulations.",
    "executive_hire": "I saw that {what} {company}.",
    "job_change": "I saw that {what}.",
    "contract_expiry": "I understand that your {what}, and I can show you an alternative.",
    "technology_added": "I saw that {company} {what}.",
    "technology_removed": "I saw that {company} {what}.",
    "hiring_surge": "I saw that {company} is hiring{in_brackets}.",
    "intent_surge": "many teams look for something new at the moment; I am {your_contact} here.",
    "news": "I saw {company} {what}.",
}


def opening(
    data: LeadScoredV1,
    *,
    company: str | None,
    signal: LiveSignal | None,
    owner: str | None,
    hand_off: BriefHandOff | None,
    is_resumed: bool = False,
    at: datetime,
) -> str:
    """Return greeting, occasion, question and the owner's name.

    `company` is its name, `signal` the trigger if that is one. `is_resumed` says that an earlier owner gave
    the lead up after the buyer was last heard of: nobody is thanked for what is long past.
    """
    if hand_off is not None and hand_off.by == owner:
        hand_off = None  # the owner's own notes, for a rep who joined
    done = {activity.type for activity in data.activities}
    request = next((words for type_, words in REQUESTS.items() if type_ in done), None)
    trigger, named = data.trigger.type or "", company or "your company"
    template = _INTRODUCTION
    content = signal_content(signal, at) if signal is not None else None
    if signal is not None:
        template = _AFTER_SIGNAL.get(signal.type, _INTRODUCTION)
        if signal.type == "job_change" and executive_of(signal)[0] is None:
            template = "I saw that there are new faces at {company}."
    elif hand_off is not None:
        template = "{colleague} passed {subject} on to me, and I take it from here."
    elif data.trigger.kind != "signal" and trigger in done and trigger in _AFTER_ACTIVITY and not is_resumed:
        template = _AFTER_ACTIVITY[trigger]
    elif request is not None:
        template = "I am coming back to {subject}."
    colleague = (hand_off.by if hand_off else None) or "my colleague"
    occasion = template.format(
        company=named,
        what=content.what if content else "",
        in_brackets=f" ({content.details})" if content and content.details else "",
        colleague=colleague,
        your_contact=f"the contact for {company}" if company else "your contact",
        subject=request or (named if data.person.email is None else "our conversation"),
        **{f"{word}_company": f" {word} {company}" if company else "" for word in ("for", "from", "at")},
    )
    if hand_off is not None and signal is not None:
        occasion += f" I take over from {colleague}."
    first_name = " ".join((data.person.first_name or "").split())
    greeting = f"Hi {first_name}," if first_name else "Hello,"
    return f"{greeting} {occasion} Would a short call this week suit you?{f' Best, {owner}' if owner else ''}"
