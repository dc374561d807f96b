"""Runs the examples of form and signal presets: a request as the vendor sends it, and what becomes of it.

Nothing is stored, published or asked. The request comes to a source of the vendor with a secret, at
`https://baton.example/hooks/forms/VENDOR`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, Struct

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.known_entities import NO_ENTITIES, Entities, Entity, EntityId
from services.gateway.domain.sources import HookSource, source_of
from services.gateway.intake.handshakes import answer_handshake
from services.gateway.intake.preset_bodies import secret_in_body
from services.gateway.intake.signatures import SignedRequest, proves, sent_secrets
from services.gateway.intake.vendor_items import HookRequest, VendorReading, read_request
from services.gateway.intake.vendor_preview import PreviewedItem, preview_items
from shared.errors import Reject
from shared.integrations.examples import ExpectedItem, IntakeExample
from shared.integrations.functions import instant
from shared.integrations.intake_preset import IntakePreset
from shared.policy.models.sources import SourceConfig
from shared.shortened import shortened
from shared.web.problem import document

ORIGIN: Final = "https://baton.example"
NOW: Final = datetime(2026, 1, 15, 10, tzinfo=UTC)
_BOUNDARY: Final = "a-boundary-of-the-example"
_SHOWN_LENGTH_MAX: Final = 300


class ExampleResult(Struct, frozen=True):
    """What became of an example, and how that differs from what it expects: nothing where it holds."""

    items: Sequence[PreviewedItem]
    warnings: Sequence[str]
    differences: Sequence[str]


def example_request(preset: IntakePreset, example: IntakeExample) -> SignedRequest:
    """Return the request of an example."""
    sent = example.request
    path = sent.path or f"/hooks/{preset.kind}s/{preset.vendor}"
    headers = {name.lower(): value for name, value in sent.headers.items()}
    if sent.form is not None:
        body, kind = urlencode(list(sent.form)).encode(), "application/x-www-form-urlencoded"
    elif sent.multipart is not None:
        body, kind = _multipart(sent.multipart), f"multipart/form-data; boundary={_BOUNDARY}"
    elif sent.body is not None:
        body, kind = sent.body.encode(), "application/json"
    else:
        body, kind = json.dumps(sent.json_, ensure_ascii=False).encode(), "application/json"
    headers.setdefault("content-type", kind)
    query = f"?{urlencode(sent.query)}" if sent.query else ""
    return SignedRequest(sent.method, f"{ORIGIN}{path}{query}", path, headers, dict(sent.query), body)


def example_source(preset: IntakePreset, settings: Mapping[str, Any]) -> HookSource:
    """Return the source of an example. Raises `ValidationError` for settings that no source has."""
    given = {"kind": preset.vendor, "secret_env": "SECRET", **settings}
    config = SourceConfig.model_validate(given)
    schemes = {preset.vendor: preset.signature} if preset.signature is not None else {}
    return source_of(preset.vendor, config, {preset.vendor: preset}, schemes)


def example_entities(example: IntakeExample) -> Entities:
    """Return the ids that an example supposes to be known."""
    return {
        EntityId(kind, id_): Entity(email=value) if kind == "person" else Entity(domain=value)
        for kind, known in example.entities.items()
        for id_, value in known.items()
    }


def run_example(preset: IntakePreset, example: IntakeExample) -> ExampleResult:
    """Return what becomes of an example. Raises `ValidationError` for settings that no source has."""
    at, request = example.at or NOW, example_request(preset, example)
    source = example_source(preset, example.source)
    if request.method != "POST":
        return ExampleResult((), (), _handshake_differences(preset, example, request, at))
    differences: list[str] = []
    if example.secret is not None and not is_proven(preset, example.secret, request, at):
        differences.append("the signature in the headers does not prove the request")
    items, reading = _become(source, preset, request, at, example_entities(example))
    differences += items_differences(example.expect, items, reading)
    return ExampleResult(items, reading.warnings if reading else (), differences)


def run_request(preset: IntakePreset, body: bytes, headers: Mapping[str, str]) -> ExampleResult:
    """Return what a request becomes that comes now. The names of headers are in lower case."""
    path = f"/hooks/{preset.kind}s/{preset.vendor}"
    request = SignedRequest("POST", ORIGIN + path, path, headers, {}, body)
    now = datetime.now(UTC)
    items, reading = _become(example_source(preset, {}), preset, request, now, NO_ENTITIES)
    return ExampleResult(items, reading.warnings if reading else (), ())


def _become(
    source: HookSource, preset: IntakePreset, request: SignedRequest, at: datetime, entities: Entities
) -> tuple[Sequence[PreviewedItem], VendorReading | None]:
    """Return what the items of a request become, and its reading; None when it is refused as a whole."""
    sent = HookRequest(request.body, request.headers["content-type"], request.headers, request.query)
    try:
        reading = read_request(preset, sent, at)
    except Reject as reject:
        return [PreviewedItem(0, problem=document(reject))], None
    arrival = Arrival(at, bytes, "", scope=("source", source.name))
    return preview_items(source, reading, arrival, entities), reading


def is_proven(preset: IntakePreset, secret: str, request: SignedRequest, at: datetime) -> bool:
    """Tell whether the signature of a vendor in a request is right, or the request carries the secret."""
    scheme = preset.signature
    if scheme is None:
        return False

    def in_body() -> Any:
        return secret_in_body(preset, request, at)

    return proves(scheme, secret, request, at) or secret in sent_secrets(scheme, request, in_body)


def items_differences(
    expected: Sequence[ExpectedItem], items: Sequence[PreviewedItem], reading: VendorReading | None
) -> list[str]:
    """Return how items differ from what is expected of each, in words."""
    if len(expected) != len(items):
        return [f"{len(items)} items, expected {len(expected)}: {_shown([*map(shown_item, items)])}"]
    found: list[str] = []
    for index, (wanted, item) in enumerate(zip(expected, items, strict=True)):
        ((what, value),) = wanted.model_dump(exclude_none=True).items()
        shown = shown_item(item)
        if reading is not None and what == "opt_out" and item.signal is not UNSET:
            person = item.signal.person
            shown = {"opt_out": {**reading.items[index].by, "email": person.email if person else None}}
        if what == "refused" and "problem" in shown:
            continue
        if what == "parked" and "parked" in shown:
            continue
        if what not in shown:
            found.append(f"item {index}: expected {what}, it is {_shown(shown)}")
            continue
        found += [f"item {index}: {line}" for line in value_differences(value, shown[what], what)]
    return found


def value_differences(expected: Any, actual: Any, path: str) -> list[str]:
    """Return where a value differs; of objects only the expected members count, but of `answers` all."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        lines: list[str] = []
        if path.endswith(".answers"):
            more = sorted(actual.keys() - expected.keys())
            lines += [f"{path}.{name}: {_shown(actual[name])} is not expected" for name in more]
        for name, member in expected.items():
            lines += value_differences(member, actual.get(name), f"{path}.{name}")
        return lines
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        if len(expected) == len(actual):
            places = enumerate(zip(expected, actual, strict=True))
            found = [value_differences(one, other, f"{path}[{index}]") for index, (one, other) in places]
            return [line for lines in found for line in lines]
    elif expected == actual or _is_same_time(expected, actual):
        return []
    return [f"{path}: {_shown(actual)}, expected {_shown(expected)}"]


def shown_item(item: PreviewedItem) -> dict[str, Any]:
    """Return what an item becomes, as JSON has it."""
    shown: dict[str, Any] = msgspec.to_builtins(item)
    if "lead" in shown:
        shown["lead"] = {"answers": {}, "activities": [], **shown["lead"]}
    return shown


def _handshake_differences(
    preset: IntakePreset, example: IntakeExample, request: SignedRequest, at: datetime
) -> list[str]:
    asked = {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "headers": dict(request.headers),
    }
    answer = answer_handshake(preset, asked, example.secret or "", at)
    wanted = example.expect[0] if len(example.expect) == 1 else ExpectedItem()
    proven = answer is not None and all(request.query.get(name) == example.secret for name in answer.check)
    if wanted.refused is not None:
        return [f"it is answered with {_shown(answer)}"] if answer is not None and proven else []
    if answer is None or not proven:
        return ["it is not answered as a handshake"]
    return value_differences(wanted.answer, answer.value, "answer")


def _multipart(fields: Sequence[tuple[str, str]]) -> bytes:
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()


def _is_same_time(one: Any, other: Any) -> bool:
    is_text = isinstance(one, str) and isinstance(other, str)
    return is_text and (at := instant(one)) is not None and at == instant(other)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text, _SHOWN_LENGTH_MAX)
