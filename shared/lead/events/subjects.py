"""Lead ids and account keys from the data of an event without `ce_subject`."""

from __future__ import annotations

from shared.lead.identity import identify
from shared.lead.normalise.domains import normalise_domain, registrable_domain


def lead_id(
    email: str | None,
    phone: str | None = None,
    linkedin_url: str | None = None,
    domain: str | None = None,
    country: str | None = None,
) -> str:
    """Return the id of the lead that these contact details identify, or "" when they identify none."""
    identity = identify(email, phone, linkedin_url, domain, country)
    return identity.lead_id if identity else ""


def account_key(domain: str | None) -> str:
    """Return the key of the account of a domain, or "" when it is no domain."""
    host = normalise_domain(domain)
    return (registrable_domain(host) or host or "") if host else ""
