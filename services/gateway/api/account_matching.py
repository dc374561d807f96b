"""Which account a lead is of: a preview by what it says, and the choice of a person."""

from typing import Annotated, Final

from fastapi import APIRouter, Security
from msgspec import structs
from pydantic import Field

from services.gateway.api.lead_id import LeadId, not_yet_known
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import Audit, Gateway, Manager, RequestArrival, caller
from services.gateway.domain.access import Principal
from services.gateway.domain.accounts import key_of_domain
from services.gateway.domain.actions import actor_of
from services.gateway.domain.arrival import Arrival, domain_problem, invalid
from services.gateway.domain.explain_matching import MatchingExplained, matching_of
from services.gateway.domain.received import received_event
from services.gateway.publish_once import publish_received
from services.gateway.queries.account_candidates import account_of_domain, accounts_of_name
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.state import GatewayState
from services.scorer.policy import seeds_of
from shared.errors import FieldProblem
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.identity import account_key
from shared.lead.matching.account_match import match_account
from shared.lead.matching.company_facts import profile_of
from shared.lead.matching.company_names import company_name_of
from shared.lead.normalise.emails import normalise_email
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1", route_class=ApiRoute)

LEAD_MATCHED: Final = "baton.lead.matched.v1"

Word = Annotated[str, Field(max_length=200)]
AccountMatching = Annotated[MatchingExplained, MsgspecType()]


class MatchedCompany(RequestBody):
    """What is known of a company. A phone number in national form is read in the country."""

    name: Word | None = None
    domain: Word | None = None
    country: Word | None = None
    city: Word | None = None
    postcode: Word | None = None
    phone: Word | None = None


class MatchBody(RequestBody):
    """What a lead says: its company and the person's e-mail address, either of them."""

    company: MatchedCompany = Field(default_factory=MatchedCompany)
    email: Word | None = None


class AccountChoice(RequestBody):
    """The account that a lead is of, by a domain of it; null splits the lead from the account it is in."""

    account: Word | None
    reason: Annotated[str | None, Field(max_length=2_000)] = None


class AcceptedChoice(ApiModel):
    """The choice is durably in the stream; the lead is scored and routed again by it."""

    lead_id: str
    account: str | None
    event_id: str
    status_url: str


@router.post(
    "/accounts/match",
    tags=["Accounts"],
    summary="Show which account a lead would be matched to, with the candidates and their scores",
    description="Nothing is stored. `by` is `domain`, `alias`, `name`, or `none` where the lead would be an "
    "account of its own.",
    dependencies=[Security(caller, scopes=["read"])],
    response_model=AccountMatching,
)
async def match_company(body: MatchBody, gateway: Gateway) -> MatchingExplained:
    company = body.company
    if not (company.name or company.domain or body.email):
        raise invalid(
            (FieldProblem("", "The name or the domain of a company or an e-mail address is needed"),)
        )
    own = account_key(company.domain, normalise_email(body.email), "", gateway.shared_hosts)
    seeds = seeds_of((await gateway.policies.start()).policy.accounts)
    async with gateway.database.read() as tx:
        known = await account_of_domain(tx, own, seeds) if own else None
        if known is not None:
            return matching_of(None, known, "domain" if known == own else "alias")
        if company_name_of(company.name) is None:
            return matching_of(None, own or None, "domain" if own else "none")
        profile = profile_of(
            company.name or "", company.country, company.city, company.postcode, company.phone
        )
        candidates = await accounts_of_name(tx, profile.name, seeds)
    match = match_account(profile, candidates, has_domain=bool(own))
    if match is not None and match.account:
        return matching_of(match, match.account, "name")
    return matching_of(match, own or None, "domain" if own else "none")


@router.post(
    "/leads/{id}/account",
    status_code=202,
    tags=["Lead actions"],
    summary="Say which account a lead is of",
    description="It holds for all forms of the person, whatever they say, until the next such request. Other "
    "leads that say the same of their company are matched to this account; after a split, they are matched "
    "there no more.",
    responses=problem_responses(404),
)
async def choose_account(
    id: LeadId,  # noqa: A002 - the name in the path
    body: AccountChoice,
    *,
    principal: Manager,
    arrival: RequestArrival,
    gateway: Gateway,
    audit: Audit,
) -> AcceptedChoice:
    return await _publish_choice(gateway, arrival, principal, audit, lead=id, choice=body)


@router.delete(
    "/leads/{id}/account",
    status_code=202,
    tags=["Lead actions"],
    summary="Split a lead from the account that it is in",
    responses=problem_responses(404),
)
async def split_account(
    id: LeadId,  # noqa: A002 - the name in the path
    principal: Manager,
    arrival: RequestArrival,
    gateway: Gateway,
    audit: Audit,
) -> AcceptedChoice:
    return await _publish_choice(
        gateway, arrival, principal, audit, lead=id, choice=AccountChoice(account=None)
    )


async def _publish_choice(
    gateway: GatewayState,
    arrival: Arrival,
    principal: Principal,
    audit: AuditTrail,
    *,
    lead: str,
    choice: AccountChoice,
) -> AcceptedChoice:
    """Publish the choice of a person once the lead has a score. Raises `Reject` (404, 422)."""
    key = key_of_domain(choice.account, gateway.shared_hosts) if choice.account else None
    if choice.account is not None and not key:
        raise invalid((domain_problem("/account", choice.account),))
    async with gateway.database.read() as tx:
        lead_id = await surviving_lead(tx, lead)
        view = await find_lead_view(tx, lead_id)
    if view is None or view["score"] is None:
        raise not_yet_known()
    match_data = LeadMatchedV1(lead_id, key, choice.reason, actor_of(principal, None))
    received = received_event(
        LEAD_MATCHED,
        match_data,
        arrival,
        subject=lead_id,
        key=view["account"] or lead_id,
        # The lead may be merged, and the key renamed, before the request is repeated.
        content=structs.replace(match_data, lead_id="", actor=None),
    )
    recorded = audit.before_publishing(gateway.database, "lead.account_chosen", lead_id, account=key)
    event = await publish_received(gateway, received, recorded)
    return AcceptedChoice(lead_id=lead_id, account=key, event_id=event.id, status_url=f"/v1/leads/{lead_id}")
