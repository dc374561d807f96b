"""What each integration of a data vendor can give: by its name in the policy, the fields by lookup subject.

The policy is checked against it, and the integrations take from it what they give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.lead.fields import BOUGHT_FIELDS, FactKeys

_COMPANY: Final = frozenset(
    {
        "company.name",
        "company.industry",
        "company.country",
        "company.employees",
        "company.revenue_usd",
        "company.funding_total_usd",
    }
)
"""What every vendor of company data gives."""
_PERSON: Final = frozenset(
    {
        "person.first_name",
        "person.last_name",
        "person.title",
        "person.seniority",
        "person.department",
        "person.phone",
        "person.linkedin_url",
        "company.name",
        "company.domain",
    }
)
"""What every vendor of people data gives, with the employer."""
_PDL_COMPANY: Final = _COMPANY | {"company.growth_pct"}
_APOLLO_COMPANY: Final = _PDL_COMPANY | {
    "company.last_funding_at",
    "company.parent",
    "company.technologies",
}
_CLEARBIT_COMPANY: Final = _COMPANY | {"company.parent", "company.technologies"}

INTEGRATION_FIELDS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "peopledatalabs": {
        "company": _PDL_COMPANY | {"company.last_funding_at", "company.parent"},
        "person": _PERSON | _PDL_COMPANY | {"person.country"},
    },
    "apollo": {
        "company": _APOLLO_COMPANY,
        "person": _PERSON | _APOLLO_COMPANY | {"person.country", "person.email_status"},
    },
    "clearbit": {
        "company": _CLEARBIT_COMPANY,
        "person": _PERSON | _CLEARBIT_COMPANY | {"person.country"},
    },
    "hunter": {
        "email": frozenset({"person.email_status"}),
        "person": _PERSON | {"person.email_status"},
    },
    "zerobounce": {
        "email": frozenset(
            {"person.email_status", "person.first_name", "person.last_name", "person.country"}
        ),
    },
}


def given_fields(integration: str) -> frozenset[str]:
    """Return the fields that an integration is asked for, under any subject; of an unknown one, all."""
    by_subject = INTEGRATION_FIELDS.get(integration)
    if by_subject is None:
        return frozenset(BOUGHT_FIELDS)
    return frozenset(
        name for subject, names in by_subject.items() for name in names if is_reason_to_ask(subject, name)
    )


def is_reason_to_ask(subject: str, name: str) -> bool:
    """Return whether a subject (`company`, `person`, `email`) is asked about for the sake of a field.

    What an answer about a person says of the employer or of the address is kept, but comes by the way.
    """
    if name == FactKeys.EMAIL_STATUS:
        return subject == "email"
    return subject == "company" or not name.startswith("company.")
