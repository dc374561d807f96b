"""`/hooks/forms/{source}`: forms from browsers and form vendors, in whatever shape they come."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.formparsers import MultiPartException

from services.gateway.domain.forms import FIELDS_MAX, is_intake_shape, read_form, with_defaults
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.sources import FormSource
from services.gateway.handlers.bodies import decoded, is_json_type, unsupported_type
from services.gateway.handlers.exchange import BODY_BYTES_MAX, Answer, Call, RawHeaders
from services.gateway.handlers.intake import accept_lead, arrival, traced
from services.gateway.handlers.routing import Parameter
from shared.errors import Reject
from shared.events.lead_received import LeadReceivedV1

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


async def post_form(call: Call) -> Answer:
    """Take a form as a lead."""
    source = _source(call)
    redirect = _redirect(call, source)
    lead = await _read(call, source)
    with traced(call, "POST /hooks/forms") as traceparent:
        answer = await accept_lead(call, receive_lead(lead, _encode(lead), arrival(call, traceparent)))
    if redirect is None:
        return answer
    return Answer(303, b"", ((b"location", redirect.encode("ascii")),))


async def preflight(call: Call) -> Answer:
    """Tell a browser that its page may post."""
    _source(call)
    return Answer(204, b"", _PREFLIGHT)


def cross_origin(call: Call) -> RawHeaders:
    """Return the headers that let the page read the answer, whatever it is.

    Of a source that does not exist the 404 itself may be read: the page's author has to see it.
    """
    source = call.gateway.sources.get(call.param("source"))
    if source is None:
        return ((b"access-control-allow-origin", b"*"),)
    allowed = source.allowed_origin(call.header(b"origin"))
    if allowed is None:
        return ((b"vary", b"origin"),)
    return ((b"access-control-allow-origin", allowed.encode("latin-1")), (b"vary", b"origin"))


def _source(call: Call) -> FormSource:
    source = call.gateway.sources.get(call.param("source"))
    if source is None or not source.public:
        raise Reject(404, "unknown-source", "There is no such source of forms")
    return source


def _redirect(call: Call, source: FormSource) -> str | None:
    url = call.query.get("redirect")
    if url is not None and not source.may_redirect(url):
        raise Reject(422, "redirect-refused", "The source does not allow this redirect")
    return url


async def _read(call: Call, source: FormSource) -> LeadReceivedV1:
    media_type = call.content_type
    # A page's `sendBeacon` sends JSON as text/plain, so as not to need a preflight.
    if is_json_type(media_type) or media_type == "text/plain":
        return _from_json(await call.body(), source)
    if media_type == "application/x-www-form-urlencoded":
        return read_form(_urlencoded(await call.body()), source)
    if media_type == "multipart/form-data":
        return read_form(await _multipart(call), source)
    raise unsupported_type(*CONTENT_TYPES)


def _from_json(raw: bytes, source: FormSource) -> LeadReceivedV1:
    body = decoded(raw, _object)
    if is_intake_shape(body):
        return with_defaults(decoded(raw, _lead), source)
    return read_form(body, source)


def _urlencoded(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        detail = f"{FIELDS_MAX} fields are allowed"
        raise Reject(422, "too-many-fields", "The form has too many fields", detail) from None


async def _multipart(call: Call) -> list[tuple[str, str]]:
    """Read the fields; files are counted against the bound and left out."""
    request = call.with_body(await call.body())
    try:
        async with request.form(
            max_files=_FILES_MAX, max_fields=FIELDS_MAX, max_part_size=BODY_BYTES_MAX
        ) as form:
            return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    except (MultiPartException, UnicodeError) as error:
        # The client names the character set, and some of Python's raise errors of their own.
        raise Reject(400, "malformed-form", "The body is not a form", str(error)) from error
