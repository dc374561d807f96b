"""Form vendors' payloads, each read as pairs of label and value. Pure.

A body without the vendor's shape is read as a flat form: a proxy may have unpacked it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from services.gateway.domain.label_dictionary import FIELD_OF
from services.gateway.domain.sources import HookSource
from shared.lead.normalise.labels import plain_label

if TYPE_CHECKING:
    from shared.policy.models import SourceKind

Pairs = Iterator[tuple[str, Any]]
MappedLabels = Container[str]
"""The plain labels that the source maps to fields itself."""

_HUBSPOT: Final = {
    "numemployees": "company size",
    "hs_linkedin_url": "linkedin url",
    "hs_role": "role",
    "hs_email_optout": "opted out",
}

_TYPEFORM_LABELS: Final = {"email": "email", "phone_number": "phone"}


def typeform(body: Mapping[str, Any], mapped: MappedLabels) -> Pairs:
    """Read a Typeform response: answers, labelled by the titles of the questions, and hidden fields."""
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
        by_kind, plain = _TYPEFORM_LABELS.get(kind), plain_label(label)
        if by_kind is not None and plain not in mapped and plain not in FIELD_OF:
            label = by_kind  # the question's title is not known, but its kind is
        value = answer.get(kind)
        if isinstance(value, Mapping):
            chosen = value.get("label") or value.get("labels") or value.get("other")
            value = value if chosen is None else chosen
        yield label, value


def webflow(body: Mapping[str, Any], _mapped: MappedLabels) -> Pairs:
    """Read a Webflow `form_submission`."""
    payload = _mapping(body.get("payload"))
    yield "event id", payload.get("id")
    yield "form id", payload.get("formId")
    yield "submitted at", payload.get("submittedAt")
    yield from _mapping(payload.get("data")).items()


def hubspot(body: Mapping[str, Any], _mapped: MappedLabels) -> Pairs:
    """Read a HubSpot contact as its workflows send it, without HubSpot's internal properties (`hs_…`)."""
    for name, given in _mapping(body.get("properties")).items():
        value = given.get("value") if isinstance(given, Mapping) else given
        if name in _HUBSPOT or not name.startswith("hs_"):
            yield _HUBSPOT.get(name, name), value


def meta(body: Mapping[str, Any], _mapped: MappedLabels) -> Pairs:
    """Read a lead of Meta's lead ads as the Graph API returns it."""
    yield "event id", body.get("id")
    yield "form id", body.get("form_id")
    yield "submitted at", body.get("created_time")
    yield "campaign", body.get("campaign_name")
    for field in map(_mapping, _list(body.get("field_data"))):
        yield str(field.get("name")), field.get("values")


_PRESETS: Final[Mapping[SourceKind, tuple[str, Callable[[Mapping[str, Any], MappedLabels], Pairs]]]] = {
    "typeform": ("form_response", typeform),
    "webflow": ("payload", webflow),
    "hubspot": ("properties", hubspot),
    "meta": ("field_data", meta),
}
"""For each vendor the key that its payload is recognised by, and its reader."""


def labelled(body: Mapping[str, Any], source: HookSource) -> list[tuple[str, Any]]:
    """Return the labels and values of a body, read as the source's vendor sends them."""
    recognised_by, read = _PRESETS.get(source.kind, ("", None))
    pairs = body.items() if read is None or recognised_by not in body else read(body, source.fields)
    return [(label, value) for label, value in pairs if value is not None]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
