"""The fields of a lead that a form can fill, by which the `map` of a source names them."""

from __future__ import annotations

from typing import Final

FORM_FIELDS: Final = (
    "event_id",
    "person.email",
    "person.name",
    "person.first_name",
    "person.last_name",
    "person.title",
    "person.phone",
    "person.linkedin_url",
    "person.country",
    "company.name",
    "company.domain",
    "company.employees",
    "company.industry",
    "company.country",
    "company.revenue_usd",
    "company.technologies",
    "message",
    "consent.marketing",
    "consent.opted_out",
    "consent.at",
    "consent.text",
    "source.form_id",
    "source.campaign",
    "source.page_url",
    "source.referrer",
    "source.name",
    "source.channel",
    "source.submitted_at",
)
ANSWER: Final = "answers."
"""What begins with this is an answer, under the name that follows."""


def is_form_field(name: str) -> bool:
    """Tell whether a label may mean `name`."""
    return name in FORM_FIELDS or (name.startswith(ANSWER) and len(name) > len(ANSWER))
