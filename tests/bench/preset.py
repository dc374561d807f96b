"""`preset`: a vendor's form that is read by its preset, against the same form as a plain one.

Both sides take the bytes of a request to the event that is published: a preset may cost twice what the plain
reading of the same labels and values costs. HTTP, the signature and the stream are left out: they cost both
the same. The figure is the median over the vendors of forms, each by its first example that is one lead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, Final

import msgspec

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.form_values import storable
from services.gateway.domain.forms import parse_form
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.preset_outcomes import decide_item
from services.gateway.domain.received import Received
from services.gateway.domain.sources import HookSource
from services.gateway.intake.preset_examples import NOW, example_request, example_source
from services.gateway.intake.sent_body import read_sent_json, sent_format
from services.gateway.intake.vendor_items import HookRequest, read_request
from shared.errors import Reject
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample
from shared.lead.events.lead_received import LeadReceivedV1
from tests.bench.figure import Figure, microseconds
from tests.bench.services import Services

_TIMES: Final = 200
_AIM: Final = 0.5
_ARRIVAL: Final = Arrival(NOW, bytes, "", scope=("source", "bench"))
_JSON: Final = "application/json"

Work = Callable[[], object]


async def preset(_services: Services) -> Figure:
    """Measure the figure: microseconds of both readings, by vendor."""
    times: dict[str, tuple[float, float]] = {}
    for vendor, by_preset, plain in _forms():
        times[vendor] = (microseconds(_TIMES, by_preset), microseconds(_TIMES, plain))
    ratios = {vendor: plain_us / preset_us for vendor, (preset_us, plain_us) in times.items()}
    details = [
        f"{vendor}: {times[vendor][0]:.0f} us by preset, {times[vendor][1]:.0f} us plain ({ratio:.2f})"
        for vendor, ratio in sorted(ratios.items(), key=lambda pair: pair[1])
    ]
    return Figure("preset", round(median(ratios.values()), 3), _AIM, details)


def _forms() -> Iterator[tuple[str, Work, Work]]:
    """Yield for each vendor of forms the two ways to read a form of its."""
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
            values = {label.label: storable(label.value) for label in item.labels} | {
                name: storable(value) for name, value in item.values.items()
            }
            values["email"] = decided.event.data.person.email
            yield folder.vendor, _by_preset(source, request), _plain(msgspec.json.encode(values))
            break


def _by_preset(source: HookSource, request: HookRequest) -> Work:
    def work() -> object:
        assert source.preset is not None
        return [
            decide_item(item, source, _ARRIVAL) for item in read_request(source.preset, request, NOW).items
        ]

    return work


def _plain(raw: bytes) -> Work:
    source = HookSource("bench")

    def work() -> object:
        sent_format(raw, _JSON)
        body: dict[str, Any] = read_sent_json(raw)
        form = parse_form(body, source)
        return receive_lead(form.lead, raw, _ARRIVAL, source, form.email)

    return work
