"""API keys: made, listed and revoked by the administrator."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.gateway.domain.access import ApiKey, Scope
from services.gateway.domain.arrival import invalid
from services.gateway.handlers.bodies import json_body
from services.gateway.handlers.exchange import Answer, Call, json_answer
from shared.errors import FieldProblem, Reject


class NewApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """`rep` names the rep that a key with the scope `rep` acts for."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=5)]
    rep: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class ApiKeyView(Struct, frozen=True):
    """A key without its text."""

    id: str
    name: str
    scopes: list[Scope]
    rep: str | None
    created_at: datetime


class CreatedApiKey(ApiKeyView, frozen=True):
    """A new key; its text is shown here and never again."""

    key: str


class ApiKeys(Struct, frozen=True):
    """All keys that are not revoked; there are few, so `next` is always null."""

    data: list[ApiKeyView]
    next: None = None


_new = msgspec.json.Decoder(NewApiKey)


async def create(call: Call) -> Answer:
    """Make a key."""
    wanted = await json_body(call, _new)
    if "rep" in wanted.scopes and wanted.rep is None:
        raise invalid((FieldProblem("/rep", "A key with the scope rep names its rep"),))
    key, text = await call.gateway.keys.create(wanted.name, wanted.scopes, wanted.rep)
    return json_answer(201, CreatedApiKey(**msgspec.structs.asdict(_view(key)), key=text))


async def list_all(call: Call) -> Answer:
    """Answer with every key that is not revoked, the oldest first."""
    return json_answer(200, ApiKeys([_view(key) for key in await call.gateway.keys.list_all()]))


async def revoke(call: Call) -> Answer:
    """End a key: at once here, within seconds everywhere."""
    if not await call.gateway.keys.revoke(call.param("id")):
        raise Reject(404, "unknown-key", "There is no such key")
    return Answer(204, b"", ())


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(key.id, key.name, key.scopes, key.rep, key.created_at)
