"""Takes leads in: decodes a body, decides on it, publishes its event, and answers when that is durable."""

import msgspec
from fastapi import Response
from msgspec import Struct

from services.gateway.batch import batch_response, validate_items
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.request_body import decoded, is_list, items
from services.gateway.state import GatewayState
from shared.lead.events.envelope import encode
from shared.lead.events.lead_received import LeadReceivedV1

_lead = msgspec.json.Decoder(LeadReceivedV1)
_encode = msgspec.json.Encoder().encode


class AcceptedLead(Struct, frozen=True):
    """The lead is durably in the stream. Should it be merged into another, `lead_id` becomes an alias."""

    lead_id: str
    event_id: str
    status_url: str


async def accept_leads(gateway: GatewayState, raw: bytes, arrival: Arrival) -> bytes | Response:
    """Publish the lead or the list of leads in `raw`.

    Returns the body of a 202 for a single lead, a whole response for a list. Raises `Reject`, `Retry`.
    """
    if not is_list(raw):
        received = receive_lead(decoded(raw, _lead), raw, arrival)
        return _encode(await publish_lead(gateway, received))

    def receive(item: bytes, index: int) -> ReceivedLead:
        return receive_lead(decoded(item, _lead), item, msgspec.structs.replace(arrival, index=index))

    results = validate_items(items(raw), receive)
    if accepted := [result for result in results if isinstance(result, ReceivedLead)]:
        await gateway.publisher.publish([encode(received.event) for received in accepted])
    return batch_response(results, lambda received: msgspec.structs.asdict(accepted_lead(received)))


async def publish_lead(gateway: GatewayState, received: ReceivedLead) -> AcceptedLead:
    """Publish a lead; return the answer once its event is durable. Raises `Retry`, `DataError`."""
    await gateway.publisher.publish((encode(received.event),))
    return accepted_lead(received)


def accepted_lead(received: ReceivedLead) -> AcceptedLead:
    """Return the answer to the client of an accepted lead. The URL is relative to this server."""
    return AcceptedLead(received.lead_id, received.event.id, f"/v1/leads/{received.lead_id}")
