"""`/v1/policies/draft`, `/compare` and `/words`: what an editor of the policy works with."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Gateway, Manager
from services.gateway.policy_versions import (
    ACTIVE,
    DRAFT,
    Base,
    FileDifference,
    changes_of,
    differences,
    discard_draft,
    find_files,
    own_draft,
    store_draft,
)
from services.gateway.queries.policy_drafts import PolicyDraft
from shared.integrations.installed import known_integrations
from shared.policy.completion import PolicyWords, policy_words
from shared.policy.models import FILES
from shared.policy.versions import active
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/policies", tags=["Policies"], route_class=ApiRoute)

_Version = Annotated[str, Query(max_length=64, description=f"A version, `{ACTIVE}`, or `{DRAFT}`: your own")]


class NewDraft(RequestBody):
    """The texts of files that are being written; the others are those of the version that it begins from.

    That is `base`, by default what the draft before began from, or the version in force.
    """

    files: Annotated[dict[str, str], Field(max_length=len(FILES))]
    base: Annotated[Base, MsgspecType()] | None = None


class DraftView(ApiModel):
    """A draft with every file. `outdated`: another version was put in force since it was begun."""

    files: dict[str, str]
    base: Annotated[Base, MsgspecType()]
    saved_at: datetime
    outdated: bool


class ComparedPolicies(ApiModel):
    """How `after` differs from `before`: `changes` by sentences, `files` by the lines of their texts.

    The version of a draft with errors is empty, and there are no sentences then.
    """

    before: str
    after: str
    changes: list[str]
    files: list[Annotated[FileDifference, MsgspecType()]]


@router.get("/draft", summary="Return the draft of this key", responses=problem_responses(404))
async def get_draft(principal: Manager, gateway: Gateway) -> DraftView:
    return await _view(gateway, await own_draft(gateway, principal))


@router.put(
    "/draft",
    summary="Store the draft of this key, which may have errors",
    description="It is in force for nobody. A key has one draft, of as many bytes as a body may have.",
    responses=problem_responses(404),
)
async def put_draft(body: NewDraft, principal: Manager, gateway: Gateway) -> DraftView:
    return await _view(gateway, await store_draft(gateway, principal, body.files, body.base))


@router.delete("/draft", status_code=204, summary="Discard the draft of this key")
async def delete_draft(principal: Manager, gateway: Gateway) -> Response:
    await discard_draft(gateway, principal)
    return Response(status_code=204)


@router.get(
    "/compare",
    summary="Return how two versions of the policy differ",
    responses=problem_responses(404, 409),
)
async def compare_policies(
    principal: Manager, gateway: Gateway, before: _Version = ACTIVE, after: _Version = DRAFT
) -> ComparedPolicies:
    old, new = await find_files(gateway, principal, before), await find_files(gateway, principal, after)
    return ComparedPolicies(
        before=old.version,
        after=new.version,
        changes=changes_of(old.policy, new.policy),
        files=await asyncio.to_thread(differences, old.files, new.files),
    )


@router.get("/words", summary="Return the words of the policy language, and the names that a policy may use")
async def get_words(principal: Manager, gateway: Gateway) -> Annotated[PolicyWords, MsgspecType()]:
    del principal
    policy = (await gateway.policies.start()).policy
    return policy_words(policy, known_integrations(gateway.integrations))


async def _view(gateway: Gateway, draft: PolicyDraft) -> DraftView:
    async with gateway.database.read() as tx:
        current = await active(tx)
    return DraftView(
        files=dict(draft.files),
        base=Base(draft.base_version, draft.base_activation),
        saved_at=draft.saved_at,
        outdated=current is not None and current.activation != draft.base_activation,
    )
