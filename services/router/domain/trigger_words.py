"""Why a lead is worth a look now: its trigger in words, and what else happened lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from services.router.domain.activity_words import activity_words
from services.router.domain.day_words import ago
from services.router.domain.qualification import answer_text
from services.router.domain.signal_words import signal_words
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity
from shared.lead.events.routing import BriefTrigger
from shared.lead.events.scoring import LiveSignal

_ACCOUNT_NEWS: Final = {
    "target": "is a target account now",
    "customer": "is a customer now",
    "competitor": "is known as a competitor now",
    "partner": "is a partner now",
    "matched": "somebody here put the lead into this account",
    "split": "somebody here took the lead out of another account",
    "name_fits": "an account of the name of the lead's company is known now",
    "name_fits_no_more": "the account that the lead was matched to has another name or place now",
    "domain_known": "the account of the lead's domain is known now",
}
_RECENT_MAX: Final = 5
_FORM_LENGTH_MAX: Final = 80
FORM_NAME: Final = "form name"
"""The answer that is the name of the form."""


def trigger_signal(data: LeadScoredV1) -> LiveSignal | None:
    """Return the live signal that is the trigger; where that one is not known, the strongest of its type."""
    if data.trigger.kind != "signal":
        return None
    live = data.signals.live
    by_id = (signal for signal in live if signal.event_id == data.trigger.event_id)
    by_type = (signal for signal in live if signal.type == data.trigger.type)
    return next(by_id, None) or next(by_type, None)


def trigger_activity(data: LeadScoredV1) -> Activity | None:
    """Return the activity that is the trigger: the latest of its type."""
    found = (activity for activity in data.activities if activity.type == data.trigger.type)
    return max(found, key=_time_of, default=None) if data.trigger.kind == "lead" else None


def trigger_in_words(data: LeadScoredV1, at: datetime) -> BriefTrigger:
    """Return the trigger with its time and details, relative to `at`."""
    trigger, signal, activity = data.trigger, trigger_signal(data), trigger_activity(data)
    when = data.occurred_at
    if signal is not None:
        when, details = signal.at, signal_words(signal, at)
    elif activity is not None:
        when, details = activity.at, f"{activity_words(activity)} {ago(activity.at, at)}"
    elif trigger.kind == "account":
        details = account_news(trigger.type)
    elif trigger.kind == "lead":
        when = data.source.submitted_at or when
        details = f"{_arrival(data)} {ago(when, at)}"
    else:
        named = (trigger.type or "the score has changed").replace("_", " ")
        details = next(recent_events(data, at), named)
    return BriefTrigger(trigger.kind, trigger.type, when, details)


def account_news(type_: str | None) -> str:
    """Return in words what a trigger of kind `account` and this type tells."""
    return _ACCOUNT_NEWS.get(type_ or "", "what the CRM says of the account has changed")


def recent_events(data: LeadScoredV1, at: datetime) -> Iterator[str]:
    """Yield what happened besides the trigger: live signals, the strongest first, then activities by type."""
    trigger, trigger_did = trigger_signal(data), trigger_activity(data)
    others = [signal_words(signal, at) for signal in data.signals.live if signal is not trigger]
    known = {signal.type for signal in data.signals.live} | {data.trigger.type}
    others += (type_.replace("_", " ") for type_ in data.signals.types if type_ not in known)
    done: dict[str, list[Activity]] = {}
    for activity in sorted(data.activities, key=_time_of, reverse=True):
        if activity is not trigger_did:
            done.setdefault(activity_words(activity), []).append(activity)
    for words, activities in done.items():
        times = f", {len(activities)} times" if len(activities) > 1 else ""
        others.append(f"{words} {ago(activities[0].at, at)}{times}")
    yield from others[:_RECENT_MAX]


def _time_of(activity: Activity) -> datetime:
    return activity.at


def _arrival(data: LeadScoredV1) -> str:
    """Return how a lead came in that reports no activity."""
    if data.message:
        return "wrote to us"
    if data.source.name is not None:
        form = answer_text(data.answers.get(FORM_NAME))
        return f"filled in the form “{form[:_FORM_LENGTH_MAX]}”" if form else "filled in a form"
    return f"came in by {data.source.channel}" if data.source.channel else "came in"
