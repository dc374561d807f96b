"""Lead ids and account keys from the data of an event without `ce_subject`."""

from __future__ import annotations

from shared.lead.identity import identify
from shared.lead.ids import lead_id_of
from shared.lead.normalise.domains import normalise_domain, registrable_domain
from shared.lead.normalise.names import company_key


def lead_id(email: str | None) -> str:
    """Return the id of the lead that an e-mail address identifies, "" when it identifies none."""
    identity = identify(email)
    return identity.lead_id if identity else ""


def account_key(domain: str | None) -> str:
    """Return the key of the account of a domain, or "" when it is no domain."""
    host = normalise_domain(domain)
    return (registrable_domain(host) or host or "") if host else ""


def account_name_id(name: str | None) -> str:
    """Return the id of the account of a company that is given by its name only, or "" when it is no name.

    It is the subject of such signals: which account has that name, the scorer finds out.
    """
    key = company_key(name)
    return lead_id_of(f"account-name:{key}") if key else ""
