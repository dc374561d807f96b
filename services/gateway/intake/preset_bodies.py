"""Reads the body of a vendor's request in the formats that its preset names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.preset_items import PresetRequest, evaluation_of
from services.gateway.intake.sent_body import (
    SentForm,
    field_json,
    read_sent_form,
    read_sent_json,
    sent_format,
)
from services.gateway.intake.signatures import SignedRequest
from shared.integrations.intake_preset import IntakePreset

_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})


class PresetBody(Struct, frozen=True):
    """A parsed body. `value` is where the preset's expressions start, `whole` what `body()` gives.

    `form` is set for an urlencoded or a multipart body. `is_expected`: the preset names this format.
    """

    value: Any
    whole: Any
    form: SentForm | None = None
    is_expected: bool = True

    def request(
        self, at: datetime, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
    ) -> PresetRequest:
        """Return the request that came with this body, without the headers that are secrets."""
        return PresetRequest(
            root=self.value,
            body=self.whole,
            at=at,
            headers={
                name.lower(): value
                for name, value in (headers or {}).items()
                if name.lower() not in _SECRET_HEADERS
            },
            query=query or {},
        )


def preset_body(preset: IntakePreset, raw: bytes, content_type: str) -> PresetBody:
    """Return the body of a request to a source of this vendor. Raises `Reject` (400, 415, 422)."""
    kinds = {content.kind for content in preset.content}
    sent_as = sent_format(raw, content_type)
    if sent_as == "json":
        value = read_sent_json(raw, lenient="lenient_json" in kinds)
        return PresetBody(value, value, is_expected=not kinds.isdisjoint({"json", "lenient_json"}))
    form = read_sent_form(raw, content_type, sent_as)
    fields = form.by_name()
    names = [
        content.field for content in preset.content if content.kind == "multipart_json" and content.field
    ]
    inner = field_json(fields, names)
    if inner is not None:
        return PresetBody(inner, fields, form)
    return PresetBody(fields, fields, form, is_expected=sent_as in kinds)


def secret_in_body(preset: IntakePreset, request: SignedRequest, at: datetime) -> Any:
    """Return the value in the body of a request that should be the secret, where the vendor sends it there.

    Raises `Reject` (400, 415, 422).
    """
    place = preset.signature.body if preset.signature is not None else None
    if place is None:
        return None
    body = preset_body(preset, request.body, request.headers.get("content-type", ""))
    seen = body.request(at, request.headers, request.query)
    return evaluation_of(preset, seen).value(place, body.value)
