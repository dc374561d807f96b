"""Reads what a vendor posted as items: by its preset, else as a flat form that a proxy may have unpacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.gateway.domain.preset_items import (
    LabelledValue,
    PresetItem,
    PresetRequest,
    evaluation_of,
    read_items,
    read_nodes,
)
from services.gateway.intake.preset_bodies import PresetBody, preset_body
from services.gateway.intake.sent_body import CONTENT_TYPES
from services.gateway.request_body import ITEMS_MAX, list_too_long, unsupported_type
from shared.errors import Reject
from shared.integrations.intake_preset import IntakePreset

ITEM_DOCUMENT: Final = "application/vnd.baton.item+json"
"""The content type of one item of a request, kept with what its preset may read of the request."""

_NOT_READABLE: Final = "unknown-shape"
_KEPT_BODY_BYTES_MAX: Final = 8 * 1024
_KEPT_HEADERS_MAX: Final = 40
_KEPT_HEADER_LENGTH_MAX: Final = 200


class HookRequest(Struct, frozen=True):
    """A request to a hook as it came."""

    raw: bytes
    content_type: str
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}


class VendorReading(Struct, frozen=True):
    """The items of a request, and what a person who sets the source up should know about its reading."""

    items: Sequence[PresetItem]
    request: PresetRequest
    warnings: Sequence[str] = ()
    is_small: bool = False

    def document(self, item: PresetItem) -> bytes:
        """Return an item as it is kept: with query and headers, and the whole body if that is small."""
        headers = [
            (name, value)
            for name, value in self.request.headers.items()
            if len(value) <= _KEPT_HEADER_LENGTH_MAX
        ]
        kept = _KeptItem(
            item=item.node,
            index=item.index,
            body=self.request.body if self.is_small else None,
            headers=dict(headers[:_KEPT_HEADERS_MAX]),
            query=self.request.query,
        )
        return msgspec.json.encode(kept)


class _KeptItem(Struct, frozen=True):
    item: Any
    index: int
    body: Any = None
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}


def read_document(preset: IntakePreset, document: bytes, at: datetime) -> VendorReading:
    """Return the item that was kept as a document. Raises `Reject` (422) for one that is none."""
    try:
        kept = msgspec.json.decode(document, type=_KeptItem)
    except msgspec.MsgspecError as error:
        raise Reject(422, _NOT_READABLE, "The document is no item", str(error)) from error
    request = PresetRequest(root=kept.item, body=kept.body, at=at, headers=kept.headers, query=kept.query)
    items = read_nodes(preset, evaluation_of(preset, request), [kept.item])
    return VendorReading([replace(item, index=kept.index) for item in items], request)


def read_request(preset: IntakePreset, sent: HookRequest, at: datetime) -> VendorReading:
    """Return what a request says that arrived at `at`.

    Raises `Reject`: 400 and 415 for a body that cannot be parsed, 422 for one that is not in the vendor's
    shape.
    """
    body = preset_body(preset, sent.raw, sent.content_type)
    warnings = [
        f"{field}: the file {name} is not kept" for field, name in (body.form.files if body.form else [])
    ]
    request = body.request(at, sent.headers, sent.query)
    is_small = len(sent.raw) <= _KEPT_BODY_BYTES_MAX
    items = vendor_items(preset, body, request)
    if items is not None:
        return VendorReading(items, request, warnings, is_small)
    if preset.kind == "signal":
        if not body.is_expected:
            raise unsupported_type(*CONTENT_TYPES)
        detail = f"It is not what {preset.title} sends"
        raise Reject(422, _NOT_READABLE, "The body is not in the shape of the vendor", detail)
    warnings.append(f"This is not the shape of {preset.title}; it is read as a plain form")
    return VendorReading([flat_form(body)], request, warnings, is_small)


def vendor_items(preset: IntakePreset, body: PresetBody, request: PresetRequest) -> list[PresetItem] | None:
    """Return the items that the preset finds, None where it does not know the shape.

    Some tools send every webhook in a list: then each member is looked at by itself.
    """
    if not body.is_expected:
        return None
    evaluation = evaluation_of(preset, request)
    found = read_items(preset, request, evaluation)
    if found is not None or not isinstance(body.value, list) or not body.value:
        return found
    if len(body.value) > ITEMS_MAX:
        raise list_too_long(len(body.value))
    items: list[PresetItem] = []
    for member in body.value:
        own = read_items(preset, replace(request, root=member), evaluation)
        if own is None:
            return None
        items += own
        if len(items) > ITEMS_MAX:
            raise list_too_long(len(items))
    return [replace(item, index=index) for index, item in enumerate(items)]


def flat_form(body: PresetBody) -> PresetItem:
    """Return the lead of a form in no vendor's shape. Raises `Reject` (422)."""
    pairs: Sequence[tuple[str, Any]]
    if body.form is not None:
        pairs = body.form.fields
    else:
        value = body.value
        if isinstance(value, list):
            if len(value) != 1:
                detail = f"It has {len(value)} items; post each form by itself"
                raise Reject(422, "list-of-forms", "The body is a list of forms", detail)
            value = value[0]
        if not isinstance(value, dict):
            raise Reject(
                422, _NOT_READABLE, "The body is no form", "Send an object with the fields of the form"
            )
        pairs = list(value.items())
    labels = [LabelledValue(name, value) for name, value in pairs if value is not None]
    return PresetItem(0, "lead", labels=labels)
