"""`/hooks/providers`: answers that data vendors post back instead of being polled for them."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from sqlalchemy import delete, select

from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway
from services.gateway.domain.provider_posts import POSTS_KEPT, ProviderPostRow, post_purpose
from services.gateway.domain.rejected import mentions
from services.gateway.request_body import read_body
from services.gateway.tables import provider_posts
from shared.errors import Reject
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.vault import VaultRefused

router = APIRouter(
    prefix="/hooks/providers", tags=["Hooks"], route_class=ApiRoute, responses=problem_responses(404, 413)
)


@router.post("/{provider}/{token}", status_code=204, summary="Take the answer of a data vendor to a question")
async def post_answer(
    request: Request,
    gateway: Gateway,
    provider: Annotated[str, Path(max_length=200)],
    token: Annotated[str, Path(max_length=1_000, description="The seal of the question that is answered")],
) -> None:
    """Keep the answer for the enricher; of several about one question the last counts.

    Only whoever was given the address knows a token that opens.
    """
    try:
        submission = gateway.vault.open(token, purpose=post_purpose(provider))
    except VaultRefused as refused:
        raise Reject(404, "unknown-question", "Nothing was asked at this address") from refused
    headers = dict(request.scope["headers"])
    body = await read_body(headers, request.receive)
    rows = IdentityMap()
    rows.apply([Put(ProviderPostRow(submission, provider, body, gateway.clock.now()))])
    async with gateway.database.begin() as tx:
        await tx.write(rows)


async def forget_posts(database: Database, identifiers: Collection[str]) -> None:
    """Delete the answers that mention a person; see `domain.rejected.mentions`. For erasure."""
    table = provider_posts.c
    async with database.read() as tx:
        submissions = list((await tx.execute(select(table.submission))).scalars())
    named: list[str] = []
    for submission in submissions:  # one at a time: an answer may be large
        async with database.read() as tx:
            body = (await tx.execute(select(table.body).where(table.submission == submission))).scalar()
        if body is not None and mentions(bytes(body), identifiers):
            named.append(submission)
    if named:
        async with database.begin() as tx:
            await tx.execute(delete(provider_posts).where(table.submission.in_(named)))


async def prune_posts(database: Database, at: datetime) -> None:
    """Delete the answers that were posted so long ago that nobody asks for them."""
    async with database.begin() as tx:
        await tx.execute(delete(provider_posts).where(provider_posts.c.received_at < at - POSTS_KEPT))
