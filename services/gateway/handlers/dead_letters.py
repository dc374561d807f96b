"""Dead letters: what could not be processed, and sending it through again."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import RowMapping

from services.gateway.handlers import paging
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.queries.dead_letters import dead_letter, dead_letter_list
from shared.errors import Reject
from shared.lead.events.dead_letter import ERROR_HEADERS, REPLAY_HEADER
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS
from shared.messaging.port import Outgoing


class DeadLetterView(Struct, frozen=True):
    """Where the record stood, at which stage it failed and why. `replayed_at`: it was sent through again."""

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


class Replayed(Struct, frozen=True):
    """The record is in the stream again, durably."""

    id: str
    topic: str


async def list_all(call: Call) -> Answer:
    """Answer with a page of dead letters, the newest first."""
    size, after = paging.limit(call), paging.after(call)
    async with call.gateway.database.read() as tx:
        letters = await dead_letter_list(tx, after, size + 1)
    places = [paging.Place(letter["at"], letter["id"]) for letter in letters]
    return json_answer(200, paging.page([DeadLetterView(**letter) for letter in letters], places, size))


async def replay(call: Call) -> Answer:
    """Send the record of a letter to its topic again, as it was."""
    async with call.gateway.database.read() as tx:
        letter = await dead_letter(tx, call.param("id"))
    if letter is None:
        raise Reject(404, "unknown-dead-letter", "There is no such dead letter")
    await call.gateway.publisher.publish((again(letter),))
    return json_answer(202, Replayed(letter["id"], letter["topic"]))


def again(letter: RowMapping) -> Outgoing:
    """Return the record as it was, with the name of its letter, by which the ledger marks it replayed."""
    topic = letter["topic"]
    if topic not in BY_NAME or topic == DEAD_LETTERS.name:
        raise Reject(409, "not-replayable", "The record did not come from a topic that Baton reads")
    kept = [
        (name, value)
        for name, value in letter["headers"]
        if name != REPLAY_HEADER and not name.startswith(ERROR_HEADERS)
    ]
    return Outgoing(
        topic=topic,
        key=letter["record_key"],
        value=letter["value"],
        headers=[*kept, (REPLAY_HEADER, letter["id"].encode())],
    )
