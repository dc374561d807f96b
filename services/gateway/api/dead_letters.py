"""`/v1/dead-letters`: records that could not be processed, by cause, their content, and their replay."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Security
from pydantic import Field
from sqlalchemy import RowMapping

from services.gateway.api.lead_id import is_storable, require_storable_filters
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import Audit, CompleteList, Gateway, Page, Paging, caller
from services.gateway.not_found import not_found
from services.gateway.queries.dead_letters import (
    LetterFilter,
    LetterState,
    find_dead_letter,
    group_dead_letters,
    list_dead_letters,
    open_letter_ids,
    set_letters_aside,
    take_letter_back,
)
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.dead_letter import ERROR_HEADERS, REPLAY_HEADER
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS
from shared.messaging.port import Outgoing
from shared.storage.database import Tx
from shared.storage.keyset import Cursor

router = APIRouter(
    prefix="/v1/dead-letters",
    tags=["Operation"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

REPLAYED_MAX: Final = 10_000
"""The most letters that one request replays or sets aside."""
PAYLOAD_CHARACTERS_MAX: Final = 64 * 1024
_AT_ONCE: Final = 50

Word = Annotated[str | None, Field(max_length=200)]


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
    set_aside_at: datetime | None


class LetterHeader(ApiModel):
    """A header of the record; bytes that are no UTF-8 are replaced."""

    name: str
    value: str | None


class DeadLetterDetail(DeadLetterView):
    """A dead letter with its record as text: at most 64 Ki characters of the payload, null without one."""

    key: str | None
    payload: str | None
    payload_bytes: int
    headers: list[LetterHeader]


class DeadLetterGroup(ApiModel):
    """The open letters of one stage and cause."""

    stage: str
    kind: str
    letters: int
    first_at: datetime
    last_at: datetime


class ReplayedDeadLetter(ApiModel):
    """The record is durably in its topic again."""

    id: str
    topic: str


class LettersOfCause(RequestBody):
    """The open letters of a stage and a cause, as `GET /v1/dead-letters/groups` lists them."""

    stage: str = Field(min_length=1, max_length=40)
    kind: str = Field(min_length=1, max_length=40)


class HandledLetters(ApiModel):
    """So many letters were replayed or set aside. `refused` could not be: they came from no topic of Baton's.

    `more`: there were over 10,000, so ask again.
    """

    letters: int
    refused: int = 0
    more: bool = False


async def letter_filter(
    stage: Annotated[Word, Query(description="The role that failed")] = None,
    kind: Annotated[Word, Query(description="The cause")] = None,
    state: Annotated[LetterState | None, Query(description="`open`: neither replayed nor set aside")] = None,
) -> LetterFilter:
    """Return the filter that the parameters mean. Raises `Reject` (422)."""
    require_storable_filters(stage, kind)
    return LetterFilter(stage, kind, state)


@router.get("", summary="List the records that could not be processed, the newest first")
async def get_dead_letters(
    which: Annotated[LetterFilter, Depends(letter_filter)], gateway: Gateway, paging: Paging
) -> Page[DeadLetterView]:
    async with gateway.database.read() as tx:
        letters = await list_dead_letters(tx, which, paging.after, paging.limit + 1)
    cursors = [Cursor(letter["at"], letter["id"]) for letter in letters]
    return paging.page([DeadLetterView.model_validate(dict(letter)) for letter in letters], cursors)


@router.get("/groups", summary="Count the open dead letters by stage and cause, the most first")
async def get_dead_letter_groups(gateway: Gateway) -> CompleteList[DeadLetterGroup]:
    async with gateway.database.read() as tx:
        found = await group_dead_letters(tx)
    return CompleteList(data=[DeadLetterGroup.model_validate(dict(group)) for group in found])


@router.get(
    "/{id}", summary="Return a dead letter with its payload and headers", responses=problem_responses(404)
)
async def get_dead_letter(id: str, gateway: Gateway) -> DeadLetterDetail:  # noqa: A002 - in the path
    async with gateway.database.read() as tx:
        return letter_detail(await require_letter(tx, id))


@router.post("/replay", status_code=202, summary="Publish all open dead letters of a cause again, unchanged")
async def post_replay(body: LettersOfCause, gateway: Gateway, audit: Audit) -> HandledLetters:
    return await replay_letters(gateway, audit, LetterFilter(body.stage, body.kind))


@router.post("/set-aside", summary="Set all open dead letters of a cause aside")
async def post_set_aside(body: LettersOfCause, gateway: Gateway, audit: Audit) -> HandledLetters:
    return await set_all_aside(gateway, audit, LetterFilter(body.stage, body.kind))


@router.post(
    "/{id}/replay",
    status_code=202,
    summary="Publish a record again, unchanged",
    responses=problem_responses(404, 409),
)
async def replay_dead_letter(id: str, gateway: Gateway, audit: Audit) -> ReplayedDeadLetter:  # noqa: A002
    return await replay_letter(gateway, audit, id)


@router.post("/{id}/set-aside", summary="Set a dead letter aside", responses=problem_responses(404))
async def set_dead_letter_aside(id: str, gateway: Gateway, audit: Audit) -> DeadLetterDetail:  # noqa: A002
    return await set_letter_aside(gateway, audit, id)


@router.delete(
    "/{id}/set-aside", summary="Take a dead letter back that was set aside", responses=problem_responses(404)
)
async def take_dead_letter_back(id: str, gateway: Gateway, audit: Audit) -> DeadLetterDetail:  # noqa: A002
    return await take_letter_off_aside(gateway, audit, id)


async def require_letter(tx: Tx, letter_id: str) -> RowMapping:
    """Return a dead letter with its record. Raises `Reject` (404)."""
    letter = await find_dead_letter(tx, letter_id) if is_storable(letter_id) else None
    if letter is None:
        raise not_found("dead-letter", "dead letter", letter_id, "GET /v1/dead-letters")
    return letter


def letter_detail(letter: RowMapping) -> DeadLetterDetail:
    """Return a dead letter with its record as text."""
    value: bytes | None = letter["value"]
    shown = {name: letter[name] for name in DeadLetterView.model_fields}
    headers = [
        {"name": name, "value": None if header is None else header.decode(errors="replace")}
        for name, header in letter["headers"]
    ]
    key = letter["record_key"]
    return DeadLetterDetail.model_validate(
        {
            **shown,
            "key": None if key is None else key.decode(errors="replace"),
            "payload": None if value is None else value.decode(errors="replace")[:PAYLOAD_CHARACTERS_MAX],
            "payload_bytes": len(value or b""),
            "headers": headers,
        }
    )


async def replay_letter(gateway: GatewayState, audit: AuditTrail, letter_id: str) -> ReplayedDeadLetter:
    """Publish a record again. Raises `Reject` (404, 409) and `Retry`."""
    async with gateway.database.read() as tx:
        letter = await require_letter(tx, letter_id)
    record = _replayed_record(letter)
    async with gateway.database.begin() as tx:
        of = {"topic": letter["topic"], "stage": letter["stage"]}
        await audit.record(tx, "dead_letter.replayed", letter_id, **of)
    await gateway.publisher.publish((record,))
    return ReplayedDeadLetter(id=letter["id"], topic=letter["topic"])


async def set_letter_aside(gateway: GatewayState, audit: AuditTrail, letter_id: str) -> DeadLetterDetail:
    """Set a letter aside. Raises `Reject` (404)."""
    async with gateway.database.begin() as tx:
        letter = await require_letter(tx, letter_id)
        await set_letters_aside(tx, [letter_id], gateway.clock.now())
        of = {"topic": letter["topic"], "stage": letter["stage"]}
        await audit.record(tx, "dead_letter.set_aside", letter_id, **of)
        return letter_detail(await require_letter(tx, letter_id))


async def take_letter_off_aside(gateway: GatewayState, audit: AuditTrail, letter_id: str) -> DeadLetterDetail:
    """Put a letter that was set aside back on the list. Raises `Reject` (404)."""
    async with gateway.database.begin() as tx:
        letter = await require_letter(tx, letter_id)
        await take_letter_back(tx, letter_id)
        of = {"topic": letter["topic"], "stage": letter["stage"]}
        await audit.record(tx, "dead_letter.taken_back", letter_id, **of)
        return letter_detail(await require_letter(tx, letter_id))


async def replay_letters(gateway: GatewayState, audit: AuditTrail, which: LetterFilter) -> HandledLetters:
    """Publish the open letters that match again, the oldest first, at most 10,000. Raises `Retry`."""
    letters = refused = 0
    after: Cursor | None = None
    while letters + refused < REPLAYED_MAX:
        async with gateway.database.read() as tx:
            found = await open_letter_ids(tx, which, after, _AT_ONCE)
        if not found:
            return HandledLetters(letters=letters, refused=refused)
        after = found[-1]
        for place in found:
            try:
                await replay_letter(gateway, audit, place.id)
                letters += 1
            except Reject:
                refused += 1
    return HandledLetters(letters=letters, refused=refused, more=True)


async def set_all_aside(gateway: GatewayState, audit: AuditTrail, which: LetterFilter) -> HandledLetters:
    """Set the open letters that match aside, at most 10,000."""
    async with gateway.database.begin() as tx:
        found = await open_letter_ids(tx, which, None, REPLAYED_MAX + 1)
        chosen = [place.id for place in found[:REPLAYED_MAX]]
        await set_letters_aside(tx, chosen, gateway.clock.now())
        cause = {"stage": which.stage or "", "cause": which.kind or "", "letters": str(len(chosen))}
        await audit.record(tx, "dead_letter.set_aside", note=None, **cause)
    return HandledLetters(letters=len(chosen), more=len(found) > REPLAYED_MAX)


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
