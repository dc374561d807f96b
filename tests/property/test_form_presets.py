"""Presets of forms and signals read whatever comes: parts that are missing or of another type cost only what they would say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.sources import HookSource
from services.gateway.intake.preset_examples import NOW, example_source
from services.gateway.intake.vendor_items import HookRequest, read_request
from services.gateway.intake.vendor_preview import PreviewedItem, preview_items
from shared.errors import Reject
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample

CATALOG = built_in_integrations()
FOLDERS = {**CATALOG.forms, **CATALOG.signals}
BODIES = [
    (vendor, json.loads(json.dumps(example.request.json_)))
    for vendor, folder in FOLDERS.items()
    for example, _ in (read_example(folder.kind, file) for file in folder.example_files())
    if isinstance(example, IntakeExample) and example.request.json_ is not None
]
OTHER = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20),
    st.lists(st.one_of(st.text(max_size=5), st.none(), st.dictionaries(st.text(max_size=3), st.integers())), max_size=3),
    st.dictionaries(st.sampled_from(["value", "id", "email", "first"]), st.text(max_size=5), max_size=2),
    st.sampled_from(["a@b.example", "\x00", "x" * 3_000]),
)  # fmt: skip
SOURCES = {vendor: example_source(folder.preset, {}) for vendor, folder in FOLDERS.items()}


def places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each object or list within a body, with each of its keys or indexes."""
    for key in list(body) if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ():
        yield body, key
        yield from places(body[key])


def changed(body: Any, changes: list[tuple[int, bool, Any]]) -> Any:
    """Return a body in which some parts are left out or have another value."""
    body = deepcopy(body)
    for number, is_removed, other in changes:
        found = list(places(body))
        if found:
            within, key = found[number % len(found)]
            if is_removed and isinstance(within, dict):
                del within[key]
            else:
                within[key] = other
    return body


def become(source: HookSource, body: Any) -> list[PreviewedItem] | str:
    """Return what a body becomes, or why it is refused as a whole."""
    assert source.preset is not None
    request = HookRequest(json.dumps(body).encode(), "application/json")
    try:
        reading = read_request(source.preset, request, NOW)
    except Reject as reject:
        return reject.kind
    return list(
        preview_items(
            source,
            reading,
            Arrival(NOW, bytes, ""),
        )
    )


@given(
    body=st.sampled_from(BODIES),
    changes=st.lists(st.tuples(st.integers(0, 500), st.booleans(), OTHER), max_size=5),
)
def test_a_body_with_other_parts_is_read_or_refused_and_always_the_same_way(
    body: tuple[str, Any], changes: list[tuple[int, bool, Any]]
):
    vendor, sent = body
    other = changed(sent, changes)
    assert become(SOURCES[vendor], other) == become(SOURCES[vendor], other)


@given(vendor=st.sampled_from([*FOLDERS]), body=OTHER)
def test_any_json_is_read_or_refused(vendor: str, body: Any):
    become(SOURCES[vendor], body)
