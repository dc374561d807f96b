"""A vendor as the page of the format shows it: the short form of a batch, polled and joined by reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.enricher.providers.examples import run_provider_example
from shared.integrations.catalog import read_example, read_integrations
from shared.integrations.examples import ProviderExample

PRESET = """\
vendor: enrichall
docs: https://docs.enrichall.example/api
price: {match: 10, call: 0}
auth: {header: Authorization, value: "Bearer {key}"}
limits: {per_second: 5, in_flight: 5, window_headers: {remaining: x-ratelimit-remaining, reset: x-ratelimit-reset}}
ask:
  person: {method: POST, path: /v1/contact/enrich/bulk, body: {name: baton, datas: [{mail: "{email}"}]}, needs: [email],
    batch: {max: 100, reference: custom.lead_id}}
poll: {path: "/v1/contact/enrich/bulk/{job}", job: enrichment_id, every: 5s, for: 5m, webhook: true}
outcomes:
  - {when: "status == `400` && body.code == 'error.enrichment.in_progress'", is: pending, again_after: 30s}
  - {when: "body.status == 'CREDITS_INSUFFICIENT'", is: quota_exhausted, until: next_day}
  - {when: "status == `401`", is: bad_credentials}
  - {when: "body.status == 'EMPTY'", is: no_match}
answer:
  person.email: {value: contact.mail, status: contact.mail_status}
  person.first_name: contact.first_name
  company.employees: "range(contact.size)"
  as_of: "epoch(contact.updated)"
  confidence: {person.email: "contact.score", default: 80}
statuses: {DELIVERABLE: verified}
"""
BATCH = """\
title: Two people, answered in the other order
ask: person
questions:
  - {email: ana@kestrel.example, domain: kestrel.example, reference: lead-1}
  - {email: ben@kestrel.example, domain: kestrel.example, reference: lead-2}
request:
  method: POST
  path: /v1/contact/enrich/bulk
  headers: {authorization: "Bearer KEY"}
  json:
    name: baton
    datas:
      - {mail: ana@kestrel.example, custom: {lead_id: lead-1}}
      - {mail: ben@kestrel.example, custom: {lead_id: lead-2}}
answers:
  - {status: 200, json: {enrichment_id: e-1}}
  - {status: 400, json: {code: error.enrichment.in_progress}}
  - status: 200
    json:
      results:
        - {custom: {lead_id: lead-2}, contact: {first_name: Ben, size: 51-200}}
        - {custom: {lead_id: lead-1}, contact: {first_name: Ana, size: 1.5k, updated: 1767225600,
           mail: ana@kestrel.example, mail_status: DELIVERABLE, score: 97}}
expect:
  - {outcome: match, person: {first_name: Ana, email_status: verified}, company: {employees: 1500}, cost: 10,
     as_of: "2026-01-01T00:00:00Z"}
  - {outcome: match, person: {first_name: Ben}, company: {employees: 125}, cost: 10}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "providers" / "enrichall"
    (folder / "examples").mkdir(parents=True)
    (folder / "preset.yaml").write_text(PRESET)
    (folder / "examples" / "batch.yaml").write_text(BATCH)
    return folder


def test_a_folder_as_the_format_shows_it_holds(folder):
    found = read_integrations([folder.parents[1]])
    assert [str(finding) for finding in found.findings] == []
    preset = found.providers["enrichall"].preset
    example, findings = read_example("providers", folder / "examples" / "batch.yaml")
    assert isinstance(example, ProviderExample), findings
    result = run_provider_example(preset, example)
    assert result.differences == []
    assert result.request is not None
    assert json.loads(result.request.content or b"")["name"] == "baton"
