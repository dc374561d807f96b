"""The shapes in which vendors of forms send them, each read as labels and values. Pure.

What lacks the vendor's shape is read as a flat form, so that a proxy in between does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from services.gateway.domain.labels import FIELD_OF, plain_label
from services.gateway.domain.sources import HookSource

if TYPE_CHECKING:
    from shared.policy.models import SourceKind

Pairs = Iterator[tuple[str, Any]]
Own = Container[str]
"""The plain labels whose meaning the source says itself."""

_HUBSPOT: Final = {
    "numemployees": "company size",
    "hs_linkedin_url": "linkedin url",
    "hs_role": "role",
    "hs_email_optout": "opted out",
}


def typeform(body: Mapping[str, Any], own: Own) -> Pairs:
    """Read a Typeform response: answers by the titles of their questions, and what was passed in hidden."""
    response = _mapping(body.get("form_response"))
    titles = {
        str(field.get("id")): field.get("title")
        for field in map(_mapping, _list(_mapping(response.get("definition")).get("fields")))
    }
    yield "event id", body.get("event_id")
    yield "form id", response.get("form_id")
    yield "submitted at", response.get("submitted_at")
    yield from _mapping(response.get("hidden")).items()
    for answer in map(_mapping, _list(response.get("answers"))):
        field, kind = _mapping(answer.get("field")), str(answer.get("type"))
        label = str(titles.get(str(field.get("id"))) or field.get("ref") or kind)
        yield _by_kind(label, kind, own), _typeform_value(answer.get(kind))


def webflow(body: Mapping[str, Any], _own: Own) -> Pairs:
    """Read a Webflow `form_submission`."""
    payload = _mapping(body.get("payload"))
    yield "event id", payload.get("id")
    yield "form id", payload.get("formId")
    yield "submitted at", payload.get("submittedAt")
    yield from _mapping(payload.get("data")).items()


def hubspot(body: Mapping[str, Any], _own: Own) -> Pairs:
    """Read a HubSpot contact, as its workflows send one; HubSpot's own bookkeeping (`hs_…`) is left out."""
    for name, given in _mapping(body.get("properties")).items():
        value = given.get("value") if isinstance(given, Mapping) else given
        if name in _HUBSPOT or not name.startswith("hs_"):
            yield _HUBSPOT.get(name, name), value


def meta(body: Mapping[str, Any], _own: Own) -> Pairs:
    """Read a lead of Meta's lead ads, as the Graph API and the tools that fetch from it give one."""
    yield "event id", body.get("id")
    yield "form id", body.get("form_id")
    yield "submitted at", body.get("created_time")
    yield "campaign", body.get("campaign_name")
    for field in map(_mapping, _list(body.get("field_data"))):
        yield str(field.get("name")), field.get("values")


_PRESETS: Final[Mapping[SourceKind, tuple[str, Callable[[Mapping[str, Any], Own], Pairs]]]] = {
    "typeform": ("form_response", typeform),
    "webflow": ("payload", webflow),
    "hubspot": ("properties", hubspot),
    "meta": ("field_data", meta),
}
"""What each vendor's shape is told by, and what reads it."""


def labelled(body: Mapping[str, Any], source: HookSource) -> list[tuple[str, Any]]:
    """Return the labels and values of a body, as the source's kind of vendor sends them."""
    told_by, read = _PRESETS.get(source.kind, ("", None))
    pairs = body.items() if read is None or told_by not in body else read(body, source.fields)
    return [(label, value) for label, value in pairs if value is not None]


def _by_kind(label: str, kind: str, own: Own) -> str:
    """Return the label, or what the kind of the answer says where the question says nothing that is known."""
    meant, plain = {"email": "email", "phone_number": "phone"}.get(kind), plain_label(label)
    return label if meant is None or plain in own or plain in FIELD_OF else meant


def _typeform_value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    chosen = value.get("label") or value.get("labels") or value.get("other")
    return value if chosen is None else chosen


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
