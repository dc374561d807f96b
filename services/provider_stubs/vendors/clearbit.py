"""Companies in the shape of Clearbit's company API: `GET /v2/companies/find?domain=`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.provider_stubs import world
from services.provider_stubs.vendors.vendor import Endpoint, Reply, Vendor
from shared.identity import derive_id, normalise_domain

PRICE_CENTS: Final = 8
_NO_DOMAIN: Final = {"error": {"type": "params_invalid", "message": "Domain is missing or not valid."}}
_UNKNOWN: Final = {"error": {"type": "unknown_record", "message": "Unknown company."}}


def find_company(query: Mapping[str, str]) -> Reply:
    """Answer for `?domain=`; only a match is billed."""
    domain = normalise_domain(query.get("domain"))
    if domain is None:
        return Reply(422, _NO_DOMAIN)
    company = world.find(domain)
    if company is None:
        return Reply(404, _UNKNOWN)
    return Reply(200, _shape(company), billed=PRICE_CENTS)


def _shape(company: world.Company) -> dict[str, Any]:
    return {
        "id": derive_id("clearbit", company.domain, "company", 0),
        "name": company.name,
        "legalName": company.name,
        "domain": company.domain,
        "category": {"sector": None, "industry": company.industry},
        "metrics": {
            "employees": company.employees,
            "annualRevenue": company.revenue_usd,
            "raised": company.funding_total_usd or None,
        },
        "geo": {"countryCode": company.country},
        "parent": {"domain": company.parent},
        "tech": list(company.technologies),
    }


CLEARBIT: Final = Vendor(
    name="clearbit",
    endpoints=(
        Endpoint("/v2/companies/find", answer=find_company, key_of=lambda query: query.get("domain", "")),
    ),
)
