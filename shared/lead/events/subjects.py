"""Lead ids and account keys from the data of an event without `ce_subject`."""

from __future__ import annotations

from shared.lead.identity import identify
from shared.lead.normalise.domains import normalise_domain, registrable_domain


def lead_id(email: str | None) -> str:
    """Return the id of the lead that an e-mail address identifies, "" when it identifies none."""
    identity = identify(email)
    return identity.lead_id if identity else ""


def account_key(domain: str | None) -> str:
    """Return the key of the account of a domain, or "" when it is no domain."""
    host = normalise_domain(domain)
    return (registrable_domain(host) or host or "") if host else ""
