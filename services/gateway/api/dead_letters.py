"""`/v1/dead-letters`: records that could not be processed, and their replay."""

from datetime import datetime

from fastapi import APIRouter, Security
from sqlalchemy import RowMapping

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, Page, Paging, caller
from services.gateway.queries.dead_letters import find_dead_letter, list_dead_letters
from shared.errors import Reject
from shared.lead.events.dead_letter import ERROR_HEADERS, REPLAY_HEADER
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS
from shared.messaging.port import Outgoing
from shared.storage.keyset import Cursor

router = APIRouter(
    prefix="/v1/dead-letters",
    tags=["Operation"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)


class DeadLetterView(ApiModel):
    """The position of the record, the stage that failed and why. `replayed_at`: it was published again."""

    id: str
    topic: str
    partition: int
    offset: int
    stage: str
    kind: str
    message: str
    event_id: str
    event_type: str
    subject: str
    at: datetime
    replayed_at: datetime | None


class ReplayedDeadLetter(ApiModel):
    """The record is durably in its topic again."""

    id: str
    topic: str


@router.get("", summary="List the records that could not be processed, the newest first")
async def get_dead_letters(gateway: Gateway, paging: Paging) -> Page[DeadLetterView]:
    async with gateway.database.read() as tx:
        letters = await list_dead_letters(tx, paging.after, paging.limit + 1)
    cursors = [Cursor(letter["at"], letter["id"]) for letter in letters]
    return paging.page([DeadLetterView.model_validate(dict(letter)) for letter in letters], cursors)


@router.post(
    "/{id}/replay",
    status_code=202,
    summary="Publish a record again, unchanged",
    responses=problem_responses(404, 409),
)
async def replay_dead_letter(id: str, gateway: Gateway) -> ReplayedDeadLetter:  # noqa: A002 - in the path
    async with gateway.database.read() as tx:
        letter = await find_dead_letter(tx, id)
    if letter is None:
        raise Reject(404, "unknown-dead-letter", "There is no such dead letter")
    await gateway.publisher.publish((_replayed_record(letter),))
    return ReplayedDeadLetter(id=letter["id"], topic=letter["topic"])


def _replayed_record(letter: RowMapping) -> Outgoing:
    """Return the record with a header that holds the id of its letter: the ledger marks that as replayed."""
    topic = letter["topic"]
    if topic not in BY_NAME or topic == DEAD_LETTERS.name:
        raise Reject(409, "not-replayable", "The record did not come from a topic that Baton reads")
    headers = [
        (name, value)
        for name, value in letter["headers"]
        if name != REPLAY_HEADER and not name.startswith(ERROR_HEADERS)
    ]
    return Outgoing(
        topic=topic,
        key=letter["record_key"],
        value=letter["value"],
        headers=[*headers, (REPLAY_HEADER, letter["id"].encode())],
    )
