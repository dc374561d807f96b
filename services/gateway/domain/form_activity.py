"""The activity that submitting a form is: the first of its source whose condition holds. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from services.gateway.domain.sources import HookSource
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity
from shared.lead.facts import path_of
from shared.lead.fields import FactKeys
from shared.lead.normalise.answers import plain_answers

ACTIVITIES_MAX: Final = 200
FORM_NAME: Final = "form name"
"""The answer that names the form."""


def with_activity(
    lead: LeadReceivedV1, source: HookSource, at: datetime, otherwise: str | None = None
) -> LeadReceivedV1:
    """Return the lead with the activity that its source says the form is, if any; `at` is the arrival.

    Where the source does not say it, the form is the activity `otherwise`, if that is given.

    The activity has the time at which the form was submitted, but no later one than the arrival.
    """
    activity = source.first_activity(form_facts(lead), at)
    type_ = otherwise if activity is None else activity.type
    if type_ is None:
        return lead
    submitted_at = lead.source.submitted_at
    done = Activity(
        type=type_,
        at=at if submitted_at is None or submitted_at > at else submitted_at,
        url=lead.source.page_url,
    )
    return replace(lead, activities=[*lead.activities[-(ACTIVITIES_MAX - 1) :], done])


def form_facts(lead: LeadReceivedV1) -> dict[str, Any]:
    """Return what the conditions of a source's activities may ask of a form. What is empty is missing."""
    origin = lead.source
    answers = plain_answers(lead.answers) if lead.answers else {}
    facts: dict[str, Any] = {
        FactKeys.FORM_ID: origin.form_id,
        FactKeys.FORM_NAME: answers.get(FORM_NAME),
        FactKeys.PAGE_URL: origin.page_url,
        FactKeys.PAGE_PATH: path_of(origin.page_url) if origin.page_url else None,
        FactKeys.MESSAGE: lead.message,
        FactKeys.CHANNEL: origin.channel,
        FactKeys.SOURCE_NAME: origin.name,
        FactKeys.CAMPAIGN: origin.campaign,
        **{f"{FactKeys.UTM}{name}": value for name, value in origin.utm.items()},
        **{f"{FactKeys.ANSWERS}{label}": answer for label, answer in answers.items()},
    }
    return {name: fact for name, fact in facts.items() if fact or fact == 0}
