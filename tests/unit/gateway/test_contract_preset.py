"""The keys of a preset as the contract writes them: a made-up vendor of each kind, read from its folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.gateway.domain.arrival import Arrival
from services.gateway.intake.handshakes import answer_handshake
from services.gateway.intake.preset_examples import example_source
from services.gateway.intake.vendor_items import HookRequest, read_request
from services.gateway.intake.vendor_preview import preview_items
from shared.integrations.catalog import read_integrations
from shared.integrations.intake_preset import IntakePreset

AT = datetime(2026, 1, 15, 10, tzinfo=UTC)
FORM = r"""
vendor: acmeforms
kind: form                              # form | signal
docs: https://acme.example/webhooks
content: [json, lenient_json, urlencoded, multipart, {multipart_json: rawRequest}]
detect: form_response
handshake:                              # GET and HEAD
  - {when: "query.\"hub.mode\" == 'subscribe'", check: {"hub.verify_token": secret}, answer: 'query."hub.challenge"'}
signature:                              # absent: token in the path
  scheme: hmac                          # hmac | standard_webhooks | ed25519 | basic | shared_secret
  digest: sha256
  encoding: base64                      # base64 | hex
  header: Acme-Signature
  value: "sha256={signature}"
  signed: "{body}"                      # {body} {method} {url} {path} {timestamp} {id}, literal text
  timestamp: {header: X-Timestamp, unit: s, tolerance: 5m}
items: "[@]"
outcomes:                               # first match; default lead
  - {when: "event_type == 'DELETED'", do: erase, by: {external_id: "leadId"}}
  - {when: "is_test", do: ignore}
  - {when: "!contains(keys(@), 'field_data') && leadgen_id", do: fetch, provider: meta_graph, with: {id: leadgen_id}}
  - {when: "event == 'invitee.canceled' && payload.rescheduled", do: ignore}
event_id: "event_id"
labels: {Company size: size, Colour: colour}
map: {person.email: mail, company.name: firm, source.submitted_at: "epoch(created_time)"}
activity: demo_request
"""
SIGNALS = """
vendor: acmeintent
kind: signal
docs: https://acme.example/intent
content: [json]
detect: rows
items: rows
map:
  type: kind
  account: "{domain: site, name: firm}"
  person: "{email: mail}"
  details: "{amount: amount, round: {name: round}}"
  occurred_at: day
  strength: score
  external_id: id
"""


@pytest.fixture
def presets(tmp_path: Path) -> dict[str, IntakePreset]:
    for kind, vendor, text in (("forms", "acmeforms", FORM), ("signals", "acmeintent", SIGNALS)):
        (tmp_path / kind / vendor).mkdir(parents=True)
        (tmp_path / kind / vendor / "preset.yaml").write_text(text, encoding="utf-8")
    found = read_integrations([tmp_path])
    assert [str(finding) for finding in found.findings] == []
    return {folder.vendor: folder.preset for folder in found.folders()}


def become(preset: IntakePreset, body: Any) -> list[Any]:
    reading = read_request(preset, HookRequest(json.dumps(body).encode(), "application/json"), AT)
    return list(preview_items(example_source(preset, {}), reading, Arrival(AT, bytes, "")))


def test_a_form_preset_of_the_contract_is_read_as_it_is_written(presets):
    form = {"form_response": 1, "field_data": [], "event_id": "e1"}
    (item,) = become(
        presets["acmeforms"],
        {
            **form,
            "mail": "ada@holt.example",
            "firm": "Holt",
            "size": "51-200",
            "colour": "red",
            "created_time": 1_768_000_000,
        },
    )
    lead = item.lead
    assert (lead.event_id, lead.person.email, lead.company.name, lead.company.employees) == (
        "e1",
        "ada@holt.example",
        "Holt",
        51,
    )
    assert lead.answers == {"colour": "red"}
    assert [activity.type for activity in lead.activities] == ["demo_request"]
    assert lead.source.submitted_at == datetime.fromtimestamp(1_768_000_000, UTC)
    assert become(presets["acmeforms"], {**form, "event_type": "DELETED", "leadId": 7})[0].erase == {
        "external_id": "7"
    }
    assert become(presets["acmeforms"], {**form, "is_test": True})[0].ignore == ""
    fetched = become(presets["acmeforms"], {"form_response": 1, "leadgen_id": "9"})
    assert fetched[0].fetch == {"provider": "meta_graph", "with": {"id": "9"}}


def test_its_handshake_is_answered(presets):
    query = {"hub.mode": "subscribe", "hub.challenge": "77", "hub.verify_token": "s"}
    answer = answer_handshake(presets["acmeforms"], {"query": query, "headers": {}}, "s", AT)
    assert answer is not None
    assert (answer.value, tuple(answer.check)) == ("77", ("hub.verify_token",))


def test_a_signal_preset_may_map_whole_objects(presets):
    row: dict[str, Any] = {
        "kind": "funding_round",
        "site": "holt.example",
        "firm": "Holt",
        "mail": "ada@holt.example",
    }
    row |= {"amount": 5, "round": "A", "day": "2026-01-10", "score": 70, "id": "r1"}
    (item,) = become(presets["acmeintent"], {"rows": [row]})
    signal = item.signal
    assert (signal.type, signal.account.domain, signal.account.name, signal.person.email) == (
        "funding_round",
        "holt.example",
        "Holt",
        "ada@holt.example",
    )
    assert (signal.details, signal.strength, signal.external_id) == (
        {"amount": 5, "round": {"name": "A"}},
        70,
        "r1",
    )
