"""What somebody who sets up a form should know about how it is read. Pure."""

from __future__ import annotations

from services.gateway.domain.form_fields import form_fields
from services.gateway.domain.sources import HookSource
from shared.lead.events.lead_received import LeadReceivedV1
from shared.policy.form_fields import ANSWER

_SHOWN_LENGTH_MAX = 100


def unmapped_labels(lead: LeadReceivedV1, source: HookSource) -> list[str]:
    """Return the labels that stand for no field of a lead: their values are answers."""
    return [label for label in lead.answers if _field(label, lead, source) is None]


def reading_warnings(lead: LeadReceivedV1, source: HookSource) -> list[str]:
    """Return in sentences what a form says but Baton cannot use as it is meant."""
    warnings: list[str] = []
    for label, value in lead.answers.items():
        field = _field(label, lead, source)
        if field is not None and not field.startswith(ANSWER):
            shown = str(value)[:_SHOWN_LENGTH_MAX]
            warnings.append(f"{label}: {shown!r} cannot be used as {field}, and is kept as an answer")
    if not lead.person.email:
        warnings.append("There is no e-mail address of the person")
    if lead.source.honeypot:
        warnings.append("A honeypot field is filled in, so the lead counts as spam")
    return warnings


def _field(label: str, lead: LeadReceivedV1, source: HookSource) -> str | None:
    found = form_fields([(label, lead.answers[label])], source)
    return found[0].stands_for if found else None
