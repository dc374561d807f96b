"""Takes leads in: decodes a body, decides on it, publishes its event, and answers when that is durable."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import UNSET, Struct, UnsetType

from services.gateway.batch import batch_response, validate_items
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.request_body import decoded_strictly, is_list, items, without_bom
from services.gateway.state import GatewayState
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.web.event_schema import MsgspecType
from shared.web.problem import Problem

_lead = msgspec.json.Decoder(LeadReceivedV1)
_encode = msgspec.json.Encoder().encode


class AcceptedLead(Struct, frozen=True):
    """The lead is durably in the stream. Should it be merged into another, `lead_id` becomes an alias."""

    lead_id: str
    event_id: str
    status_url: str


class LeadResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    status_url: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class LeadResults(Struct, frozen=True):
    """The result of each item of a list, in its order."""

    results: list[LeadResult]


LeadAnswer = Annotated[AcceptedLead, MsgspecType()] | Annotated[LeadResults, MsgspecType()]


async def accept_leads(gateway: GatewayState, raw: bytes, arrival: Arrival) -> bytes | Response:
    """Publish the lead or the list of leads in `raw`.

    Returns the body of a 202 for a single lead, a whole response for a list. Raises `Reject`, `Retry`.
    """
    raw = without_bom(raw)
    if not is_list(raw):
        received = receive_lead(decoded_strictly(raw, _lead), raw, arrival)
        return _encode(await publish_lead(gateway, received))

    def receive(item: bytes, index: int) -> ReceivedLead:
        return receive_lead(
            decoded_strictly(item, _lead), item, msgspec.structs.replace(arrival, index=index)
        )

    results = await publish_list(gateway, validate_items(items(raw), receive))
    return batch_response(results, lambda event: msgspec.structs.asdict(_accepted_lead(event)))


async def publish_lead(gateway: GatewayState, received: ReceivedLead) -> AcceptedLead:
    """Publish a lead; return the answer once its event is durable. Raises `Reject`, `Retry`, `DataError`."""
    return _accepted_lead(await publish_received(gateway, received))


def _accepted_lead(event: Event[LeadReceivedV1]) -> AcceptedLead:
    """Return the answer to the client of an accepted lead. The URL is relative to this server."""
    return AcceptedLead(event.subject, event.id, f"/v1/leads/{event.subject}")
