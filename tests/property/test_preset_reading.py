"""Whatever is posted to a vendor's source: reading it never raises, is bounded, and gives the same again."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.known_entities import Entity, EntityId
from services.gateway.domain.preset_items import ITEMS_MAX
from services.gateway.intake.preset_examples import example_request, example_source
from services.gateway.intake.vendor_items import HookRequest, read_document, read_request
from services.gateway.intake.vendor_preview import PreviewedItem, preview_items
from shared.errors import Reject
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample
from shared.integrations.intake_preset import IntakePreset

AT = datetime(2026, 1, 15, 10, tzinfo=UTC)
ARRIVAL = Arrival(AT, bytes, "", scope=("source", "any"))
CATALOG = built_in_integrations()
FOLDERS = [*CATALOG.forms.values(), *CATALOG.signals.values()]
PRESETS: list[IntakePreset] = [folder.preset for folder in FOLDERS]
TYPES = [
    "application/json",
    "text/plain",
    "",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
]
SECONDS_MAX = 60
"""For one body on a busy machine: beyond that, something is without a bound."""


def sent_by(preset: IntakePreset) -> list[Any]:
    """Return the JSON bodies of a vendor's examples."""
    folder = next(one for one in FOLDERS if one.preset is preset)
    read = [read_example(folder.kind, path)[0] for path in folder.example_files()]
    bodies = [example_request(preset, one).body for one in read if isinstance(one, IntakeExample)]
    found = []
    for body in bodies:
        try:
            found.append(msgspec.json.decode(body))
        except msgspec.DecodeError:
            continue
    return found


BODIES = {preset.vendor: sent_by(preset) for preset in PRESETS}
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@st.composite
def changed_bodies(draw: st.DrawFn, preset: IntakePreset) -> Any:
    """Return a body as the vendor sends it, with some of its values replaced by any others."""
    bodies = BODIES[preset.vendor]
    return _changed(draw, draw(st.sampled_from(bodies))) if bodies else draw(JSON)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: _changed(draw, member) for name, member in value.items()}
    return [_changed(draw, member) for member in value] if isinstance(value, list) else value


def read(preset: IntakePreset, raw: bytes, content_type: str) -> list[PreviewedItem] | Reject:
    """Return what a request becomes, or why it is refused as a whole. Anything else that is raised is a fault."""
    sent = HookRequest(raw, content_type, {"content-type": content_type}, {"x": "y"})
    known = {
        EntityId("person", "1"): Entity("ada@holt.example"),
        EntityId("account", "1"): Entity(None, "holt.example"),
    }
    try:
        reading = read_request(preset, sent, AT)
    except Reject as reject:
        return reject
    assert len(reading.items) <= ITEMS_MAX
    for item in reading.items:
        again = read_document(preset, reading.document(item), AT).items
        assert len(again) == 1, "an item can be kept and read by itself"
    return list(preview_items(example_source(preset, {}), reading, ARRIVAL, known))


def check(preset: IntakePreset, raw: bytes, content_type: str) -> None:
    began = time.process_time()
    first = read(preset, raw, content_type)
    assert time.process_time() - began < SECONDS_MAX
    second = read(preset, raw, content_type)
    if isinstance(first, Reject):
        assert isinstance(second, Reject)
        assert (first.status, first.kind, first.detail) == (second.status, second.kind, second.detail)
        assert 400 <= first.status < 500
    else:
        assert msgspec.json.encode(first) == msgspec.json.encode(second)


def encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, OverflowError):
        return repr(body).encode("utf-8", "surrogatepass")


@settings(max_examples=300)
@given(st.data(), st.sampled_from(PRESETS))
def test_whatever_a_vendors_body_has_in_its_places_is_read(data, preset):
    check(preset, encoded(data.draw(changed_bodies(preset))), "application/json")


@given(st.sampled_from(PRESETS), JSON, st.sampled_from(TYPES))
def test_any_json_is_read(preset, body, content_type):
    check(preset, encoded(body), content_type)


@given(st.sampled_from(PRESETS), st.binary(max_size=300), st.sampled_from(TYPES) | st.text(max_size=30))
def test_any_bytes_are_read(preset, raw, content_type):
    check(preset, raw, content_type)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: f"{preset.kind} {preset.vendor}")
def test_a_body_of_a_megabyte_is_read_within_bounds(preset):
    for body in BODIES[preset.vendor][:1]:
        times = max(1, 900_000 // max(1, len(encoded(body))))
        check(preset, encoded([body] * min(times, 2_000)), "application/json")
        grown = {
            name: member * 400 if isinstance(member, list) else member
            for name, member in (body if isinstance(body, dict) else {}).items()
        }
        check(preset, encoded(grown)[:1_000_000], "application/json")
