"""`preset`: posting a vendor's form that is read by its preset, against the same form as a plain one.

A preset form may cost twice what a plain one costs, so the ratio is to be 0.5 or more, for every vendor: the figure
is that of the worst one, with the median beside it. Each vendor posts its first example that is one lead.

The plain form is what somebody without the preset would post: the same answers, flat and under labels, in the
encoding that the vendor uses (JSON, urlencoded or multipart), to a source of the kind `form`. Beside it stands
what the same form costs as JSON, which is decoded in C and so is the cheapest that a plain form can be.

A vendor that tells ids of persons (HubSpot, Segment, …) has them stored where its source has a secret. That is a
durable write like the publishing of the lead, shared by the posts that come at the same time, and no part of the
figure: what such posts cost, sixteen at a time, stands at the end of its line.

Both sides are whole requests at the gateway's application, from the ASGI scope to the answer, with a stream that
acknowledges at once: what HTTP and a durable stream add costs both the same. What the reading alone costs is told too.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Message, Scope

from services.gateway.app import create_app
from services.gateway.bootstrap import build
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.form_values import storable
from services.gateway.domain.forms import parse_form
from services.gateway.domain.label_meaning import meaning_of
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.preset_items import PresetItem
from services.gateway.domain.preset_outcomes import decide_item
from services.gateway.domain.received import Received
from services.gateway.domain.sources import HookSource
from services.gateway.intake.preset_examples import NOW, example_request, example_source
from services.gateway.intake.sent_body import read_sent_form, read_sent_json, sent_format
from services.gateway.intake.vendor_items import HookRequest, read_request
from shared.errors import Reject
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample
from shared.integrations.intake_preset import IntakePreset
from shared.lead.events.lead_received import LeadReceivedV1
from shared.messaging.port import Outgoing
from shared.policy.load import texts_in
from shared.policy.versions import check_policy, put
from shared.settings import GatewaySettings, load
from tests.bench.figure import ROUNDS, Figure, microseconds
from tests.bench.services import Services
from tests.support.databases import create_tables
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import gateway_resources

_TIMES: Final = 200
_AT_ONCE: Final = 16
_AIM: Final = 0.5
_SECRET: Final = "PRESET_BENCH_SECRET"
_ARRIVAL: Final = Arrival(NOW, bytes, "", scope=("source", "bench"))
_JSON: Final = "application/json"


class _InstantPublisher:
    """A stream that acknowledges at once."""

    async def publish(self, out: Sequence[Outgoing]) -> None:
        """Return at once."""


async def preset(_services: Services) -> Figure:
    """Measure the figure: microseconds of a request and of its reading, by vendor."""
    os.environ.setdefault(_SECRET, "s" * 40)
    forms = list(_forms())
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        sources = {
            "plain": "{kind: form, public: true}",
            "plain-secret": f"{{kind: form, secret_env: {_SECRET}}}",
        }
        for form in forms:
            sources[form.vendor] = f"{{kind: {form.vendor}, public: true}}"
            sources[f"{form.vendor}-secret"] = f"{{kind: {form.vendor}, secret_env: {_SECRET}}}"
        async with _application(Path(folder), sources) as app:
            lines = [await _line(app, form) for form in forms]
    lines.sort()
    ratios = [ratio for ratio, _line in lines]
    summary = f"the worst of {len(ratios)} vendors; median {median(ratios):.2f}"
    return Figure("preset", round(ratios[0], 3), _AIM, [summary, *(line for _ratio, line in lines)])


async def _line(app: ASGIApp, form: _Form) -> tuple[float, str]:
    """Return the ratio of a vendor, and the line that tells its costs."""
    preset_us, plain_us, json_us = await _request_us(
        app,
        (f"/hooks/forms/{form.vendor}", form.sent),
        ("/hooks/forms/plain", form.plain),
        ("/hooks/forms/plain", form.plain_json),
    )
    reading = microseconds(_TIMES, form.read), microseconds(_TIMES, form.read_plain)
    line = (
        f"{form.vendor}: {preset_us:.0f} us by preset, {plain_us:.0f} us plain ({plain_us / preset_us:.2f}),"
        f" {json_us:.0f} us plain as JSON ({json_us / preset_us:.2f});"
        f" of it the reading {reading[0]:.0f} and {reading[1]:.0f} us"
    )
    if form.tells_ids:
        token = os.environ[_SECRET]
        stored_us, secret_us = await _request_us(
            app,
            (f"/hooks/forms/{form.vendor}-secret/{token}", form.sent),
            (f"/hooks/forms/plain-secret/{token}", form.plain),
            at_once=_AT_ONCE,
        )
        line += f"; with ids stored {stored_us:.0f} and {secret_us:.0f} us ({secret_us / stored_us:.2f})"
    return plain_us / preset_us, line


@asynccontextmanager
async def _application(folder: Path, sources: Mapping[str, str]) -> AsyncIterator[ASGIApp]:
    """Yield the gateway's application with these sources, on SQLite."""
    environ = {"BATON_DATA_DIR": str(folder), "BATON_ADMIN_KEY": "k" * 40, "BATON_SECRET_KEY": "s" * 40}
    settings = load(GatewaySettings, environ)
    await create_tables(settings.database_url)
    resources = gateway_resources(settings, FixedClock(NOW))
    lines = [f"  {name}: {source}" for name, source in sources.items()]
    texts = texts_in(Path("config")) | {"sources.yaml": "\n".join(["sources:", *lines])}
    async with resources.database.begin() as tx:
        await put(tx, await check_policy(texts), by="bench", at=NOW)
    await resources.policy.start()
    await resources.stream.open()
    sink = await resources.stream.sink()
    try:
        yield create_app(replace(build(resources, sink, settings), publisher=_InstantPublisher()))
    finally:
        await sink.close()
        await resources.stream.close()
        await resources.database.close()


async def _request_us(app: ASGIApp, *posts: tuple[str, _Body], at_once: int = 1) -> list[float]:
    """Return the CPU time of each of the posts, in microseconds: of rounds in turns the least of each."""
    rounds: list[list[float]] = []
    times = _TIMES // at_once
    for _ in range(ROUNDS):
        taken: list[float] = []
        for path, body in posts:
            began = time.process_time()
            for _ in range(times):
                if at_once == 1:
                    await _post(app, path, body)
                else:
                    await asyncio.gather(*[_post(app, path, body) for _ in range(at_once)])
            taken.append((time.process_time() - began) / (times * at_once) * 1e6)
        rounds.append(taken)
    return [min(taken) for taken in zip(*rounds, strict=True)]


async def _post(app: ASGIApp, path: str, body: _Body) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": body.raw}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] not in (200, 202):
            raise RuntimeError(f"{path} answered {message['status']}")

    headers = [(b"content-type", body.content_type.encode()), (b"host", b"baton.example")]
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "client": ("203.0.113.9", 1),
        "server": ("127.0.0.1", 80),
        "http_version": "1.1",
    }
    await app(scope, receive, send)


class _Body(Struct, frozen=True):
    raw: bytes
    content_type: str


class _Form(Struct, frozen=True):
    """A vendor's form as it posts it, and the same answers as a plain form, in the vendor's encoding and as JSON."""

    vendor: str
    tells_ids: bool
    sent: _Body
    plain: _Body
    plain_json: _Body
    read: Callable[[], object]
    read_plain: Callable[[], object]


def _forms() -> Iterator[_Form]:
    """Yield a form of each vendor."""
    for folder in built_in_integrations().forms.values():
        for path in folder.example_files():
            example, _ = read_example(folder.kind, path)
            if not isinstance(example, IntakeExample):
                continue
            sent = example_request(folder.preset, example)
            source = example_source(folder.preset, example.source)
            request = HookRequest(sent.body, sent.headers["content-type"], sent.headers, sent.query)
            try:
                (item,) = read_request(folder.preset, request, NOW).items
                decided = decide_item(item, source, _ARRIVAL)
            except (Reject, ValueError):
                continue
            if not isinstance(decided, Received) or not isinstance(decided.event.data, LeadReceivedV1):
                continue
            answers = _answers(item, decided.event.data.person.email)
            plain_json = _Body(msgspec.json.encode(answers), _JSON)
            plain = _encoded_as(folder.preset, example, answers) or plain_json
            yield _Form(
                folder.vendor,
                bool(folder.preset.known_entities),
                _Body(sent.body, request.content_type),
                plain,
                plain_json,
                _by_preset(source, request),
                _plain(plain),
            )
            break


def _answers(item: PresetItem, email: str | None) -> dict[str, Any]:
    """Return the answers of an item by label; one whose label says nothing has that of its kind."""
    answers = {
        label.kind if label.kind and meaning_of(label.label).says_nothing else label.label: storable(
            label.value
        )
        for label in item.labels
    }
    answers |= {name: storable(value) for name, value in item.values.items()}
    return answers | {"email": email}


def _encoded_as(preset: IntakePreset, example: IntakeExample, answers: Mapping[str, Any]) -> _Body | None:
    """Return answers in the encoding of an example that is urlencoded or multipart, None for one in JSON."""
    encoding = next(
        (name for name in ("form", "multipart") if getattr(example.request, name) is not None), None
    )
    if encoding is None:
        return None
    pairs = tuple(
        (name, str(one))
        for name, value in answers.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    )
    plain = example.request.model_copy(update={encoding: pairs})
    request = example_request(preset, example.model_copy(update={"request": plain}))
    return _Body(request.body, request.headers["content-type"])


def _by_preset(source: HookSource, request: HookRequest) -> Callable[[], object]:
    def work() -> object:
        assert source.preset is not None
        return [
            decide_item(item, source, _ARRIVAL) for item in read_request(source.preset, request, NOW).items
        ]

    return work


def _plain(body: _Body) -> Callable[[], object]:
    source = HookSource("bench")

    def work() -> object:
        sent_as = sent_format(body.raw, body.content_type)
        if sent_as == "json":
            pairs = read_sent_json(body.raw)
        else:
            pairs = read_sent_form(body.raw, body.content_type, sent_as).fields
        form = parse_form(pairs, source)
        return receive_lead(form.lead, body.raw, _ARRIVAL, source, form.email)

    return work
