"""Reads what a form or a form vendor sends, in whatever format it comes, as a lead."""

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.forms import FIELDS_MAX, is_intake_shape, lead_from_source, read_form
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.domain.presets import labelled
from services.gateway.domain.sources import HookSource
from services.gateway.request_body import (
    BODY_BYTES_MAX,
    decoded,
    is_json_type,
    media_type,
    unsupported_type,
)
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1

CONTENT_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")

FORM_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "object"}} for kind in CONTENT_TYPES},
    }
}
"""What OpenAPI says of such a body: its fields are whatever the form has."""

_FILES_MAX = 20
_lead = msgspec.json.Decoder(LeadReceivedV1)
_object = msgspec.json.Decoder(dict[str, Any])


async def receive_form(request: Request, source: HookSource, arrival: Arrival) -> ReceivedLead:
    """Return the lead that the request's body is, as its source is to be read. Nothing is published.

    Raises `Reject` (400, 413, 415, 422).
    """
    raw = await request.body()
    kind = media_type(request.headers.get("content-type", ""))
    # A page's `sendBeacon` sends JSON as text/plain, so as not to need a preflight.
    if kind == "text/plain" or is_json_type(kind):
        body = decoded(raw, _object)
        if source.kind == "form" and is_intake_shape(body):
            lead = lead_from_source(decoded(raw, _lead), source)
        else:
            lead = read_form(labelled(body, source), source)
    elif kind == "application/x-www-form-urlencoded":
        text = raw.decode("utf-8", "replace")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except ValueError:
            detail = f"{FIELDS_MAX} fields are allowed"
            raise Reject(422, "too-many-fields", "The form has too many fields", detail) from None
        lead = read_form(pairs, source)
    elif kind == "multipart/form-data":
        lead = read_form(await _multipart(request), source)
    else:
        raise unsupported_type(*CONTENT_TYPES)
    return receive_lead(lead, raw, arrival, source)


async def _multipart(request: Request) -> list[tuple[str, str]]:
    """Return names and values of the fields. Files count against their bound and are left out."""
    try:
        async with request.form(
            max_files=_FILES_MAX, max_fields=FIELDS_MAX, max_part_size=BODY_BYTES_MAX
        ) as form:
            return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    except (HTTPException, UnicodeError) as error:
        # The client names the character set, and some of Python's raise errors of their own.
        raise Reject(400, "malformed-form", "The body is not a form", str(error)) from error
