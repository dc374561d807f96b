"""Reads what a plain form sends, in whatever format it comes, as a lead."""

from typing import Any, Final

import msgspec
from fastapi import Request

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.forms import ParsedForm, is_intake_shape, lead_from_source, parse_form
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.domain.sources import HookSource
from services.gateway.intake.sent_body import CONTENT_TYPES, read_sent_form, sent_format
from services.gateway.request_body import decoded, is_list, items
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1

FORM_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "object"}} for kind in CONTENT_TYPES},
    }
}
"""What OpenAPI says of such a body: its fields are whatever the form has."""

_RESERVED: Final = frozenset({"trust", "trigger"})
_lead = msgspec.json.Decoder(LeadReceivedV1)
_object = msgspec.json.Decoder(dict[str, Any])


async def receive_form(request: Request, source: HookSource, arrival: Arrival) -> ReceivedLead:
    """Return the lead that the body of a plain form is. Nothing is published.

    Raises `Reject` (400, 413, 415, 422).
    """
    raw = await request.body()
    content_type = request.headers.get("content-type", "")
    sent_as = sent_format(raw, content_type)
    if sent_as == "json":
        form = _json_form(raw, source)
    else:
        form = parse_form(read_sent_form(raw, content_type, sent_as).fields, source)
    return receive_lead(form.lead, raw, arrival, source, form.email)


def _json_form(raw: bytes, source: HookSource) -> ParsedForm:
    """Return the form in a JSON object, or in a list with one: some tools send every webhook as a list."""
    if is_list(raw):
        forms = items(raw)
        if len(forms) > 1:
            detail = f"It has {len(forms)} items; post each form by itself"
            raise Reject(422, "list-of-forms", "The body is a list of forms", detail)
        raw = forms[0]
    body = decoded(raw, _object)
    if is_intake_shape(body):
        try:
            lead = decoded(raw, _lead)
        except Reject:
            # A page may have such names for fields of its own, with whatever people type in them.
            if source.trust != "public" or not _RESERVED.isdisjoint(body):
                raise
        else:
            return ParsedForm(lead_from_source(lead, source))
    return parse_form([(label, value) for label, value in body.items() if value is not None], source)
