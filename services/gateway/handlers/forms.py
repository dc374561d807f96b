"""`/hooks/forms/{source}`: forms from browsers and form vendors, in whatever shape they come."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from services.gateway.domain.forms import FIELDS_MAX, is_intake_shape, read_form, with_defaults
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.presets import labelled
from services.gateway.domain.sources import HookSource
from services.gateway.handlers.bodies import decoded, is_json_type, unsupported_type
from services.gateway.handlers.exchange import Answer, Call, RawHeaders, json_answer
from services.gateway.handlers.hooks import admit, find_source
from services.gateway.handlers.intake import accept_lead, arrival, traced
from services.gateway.handlers.routing import Parameter
from services.gateway.request_body import BODY_BYTES_MAX
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1

CONTENT_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
REDIRECT: Final = Parameter(
    "redirect", "Answer 303 to this URL, which the source must allow, in place of 202"
)

_FILES_MAX = 20
_PREFLIGHT: Final[RawHeaders] = (
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, idempotency-key, traceparent"),
    (b"access-control-max-age", b"86400"),
)
_lead = msgspec.json.Decoder(LeadReceivedV1)
_object = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


class FormPreview(Struct, frozen=True):
    """What a form would be: whose lead, of which account, and what is read of it."""

    lead_id: str
    account: str
    lead: LeadReceivedV1


async def post_form(call: Call) -> Answer:
    """Take a form as a lead."""
    source = find_source(call, "forms")
    redirect = _redirect(call, source)
    body = await call.body()
    admit(call, source, body)
    lead = await _read(call, body, source)
    with traced(call, "POST /hooks/forms") as traceparent:
        answer = await accept_lead(call, receive_lead(lead, _encode(lead), arrival(call, traceparent)))
    if redirect is None:
        return answer
    return Answer(303, b"", ((b"location", redirect.encode("ascii")),))


async def preview(call: Call) -> Answer:
    """Answer with the lead that a form of this source would be. Nothing is taken in."""
    source = find_source(call, "forms")
    lead = await _read(call, await call.body(), source)
    received = receive_lead(lead, _encode(lead), arrival(call, ""))
    return json_answer(200, FormPreview(received.lead_id, received.event.key, lead))


async def preflight(call: Call) -> Answer:
    """Tell a browser that its page may post."""
    find_source(call, "forms")
    return Answer(204, b"", _PREFLIGHT)


def cross_origin(call: Call) -> RawHeaders:
    """Return the headers that let the page read the answer, whatever it is.

    Of a source that does not exist the 404 itself may be read: the page's author has to see it.
    """
    source = call.gateway.sources.current.get(call.param("source"))
    if source is None:
        return ((b"access-control-allow-origin", b"*"),)
    allowed = source.allowed_origin(call.header(b"origin"))
    if allowed is None:
        return ((b"vary", b"origin"),)
    return ((b"access-control-allow-origin", allowed.encode("latin-1")), (b"vary", b"origin"))


def _redirect(call: Call, source: HookSource) -> str | None:
    url = call.query.get("redirect")
    if url is not None and not source.may_redirect(url):
        raise Reject(422, "redirect-refused", "The source does not allow this redirect")
    return url


async def _read(call: Call, body: bytes, source: HookSource) -> LeadReceivedV1:
    media_type = call.content_type
    # A page's `sendBeacon` sends JSON as text/plain, so as not to need a preflight.
    if is_json_type(media_type) or media_type == "text/plain":
        return _from_json(body, source)
    if media_type == "application/x-www-form-urlencoded":
        return read_form(_urlencoded(body), source)
    if media_type == "multipart/form-data":
        return read_form(await _multipart(call, body), source)
    raise unsupported_type(*CONTENT_TYPES)


def _from_json(raw: bytes, source: HookSource) -> LeadReceivedV1:
    body = decoded(raw, _object)
    if source.kind == "form" and is_intake_shape(body):
        return with_defaults(decoded(raw, _lead), source)
    return read_form(labelled(body, source), source)


def _urlencoded(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        detail = f"{FIELDS_MAX} fields are allowed"
        raise Reject(422, "too-many-fields", "The form has too many fields", detail) from None


async def _multipart(call: Call, body: bytes) -> list[tuple[str, str]]:
    """Read the fields; files are counted against the bound and left out."""
    request = call.with_body(body)
    try:
        async with request.form(
            max_files=_FILES_MAX, max_fields=FIELDS_MAX, max_part_size=BODY_BYTES_MAX
        ) as form:
            return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    except (HTTPException, MultiPartException, UnicodeError) as error:
        # The client names the character set, and some of Python's raise errors of their own.
        raise Reject(400, "malformed-form", "The body is not a form", str(error)) from error
