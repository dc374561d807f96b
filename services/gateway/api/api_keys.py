"""`/v1/api-keys`: the administrator creates, lists and revokes API keys.

The model for the other routers: models above, endpoints below; a router has a prefix, a tag, the route class
`ApiRoute` and what its endpoints have in common; an endpoint has typed parameters, a return type that is its
response model, a summary, and `problem_responses` for the errors that only it gives (those of the key, of the
body and of parameters follow from its signature). Errors are raised as `Reject`.

No `from __future__ import annotations` here: FastAPI reads the annotations of endpoints.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Security
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Audit, CompleteList, Gateway, caller
from services.gateway.domain.access import Scope
from services.gateway.domain.actions import rep_faults
from services.gateway.domain.arrival import invalid
from services.gateway.not_found import not_found
from shared.errors import FieldProblem

router = APIRouter(
    prefix="/v1/api-keys",
    tags=["API keys"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)


class NewApiKey(RequestBody):
    """The key to create. `rep` is the id of the rep that a key with the scope `rep` acts for."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=5)]
    rep: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ApiKeyView(ApiModel):
    """A key without its text."""

    id: str
    name: str
    scopes: list[Scope]
    rep: str | None
    created_at: datetime


class CreatedApiKey(ApiKeyView):
    """A new key. `key` is its text, which no later answer has."""

    key: str


@router.post("", status_code=201, summary="Create an API key; only this answer has its text")
async def create_api_key(body: NewApiKey, gateway: Gateway, audit: Audit) -> CreatedApiKey:
    if "rep" in body.scopes and body.rep is None:
        raise invalid((FieldProblem("/rep", "A key with the scope rep names its rep"),))
    if body.rep is not None:
        faults = tuple(rep_faults((await gateway.policies.start()).policy, "/rep", body.rep))
        if faults:
            raise invalid(faults)
    key, text = await gateway.keys.create(body.name, body.scopes, body.rep, audit)
    return CreatedApiKey(
        id=key.id, name=key.name, scopes=key.scopes, rep=key.rep, created_at=key.created_at, key=text
    )


@router.get("", summary="List the API keys, the oldest first")
async def list_api_keys(gateway: Gateway) -> CompleteList[ApiKeyView]:
    return CompleteList(data=[ApiKeyView.model_validate(key) for key in await gateway.keys.list_all()])


@router.delete(
    "/{id}",
    status_code=204,
    summary="Revoke an API key: at once here, within seconds in other processes",
    responses=problem_responses(404),
)
async def revoke_api_key(id: str, gateway: Gateway, audit: Audit) -> None:  # noqa: A002 - in the path
    if not await gateway.keys.revoke(id, audit):
        raise not_found("key", "key", id, "GET /v1/api-keys")
