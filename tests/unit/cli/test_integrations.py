"""`baton integrations`: a folder of one's own is listed, checked and tried without a running Baton."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app

PRESET = """
vendor: acmeforms
kind: form
title: Acme Forms
docs: https://acme.example/webhooks
content: [json]
detect: entry
signature: {scheme: hmac, header: X-Acme, value: "sha256={signature}"}
items: entry
outcomes:
  - {when: test, do: ignore, reason: a test}
event_id: id
labels: fields
map: {source.form_id: form}
"""
EXAMPLE = """
title: A demo request
request:
  json: {entry: [{id: e1, form: f1, fields: {Work email: ada@holt.example, Colour: green}}, {test: true}]}
expect:
  - lead: {person: {email: ada@holt.example}, source: {form_id: f1}, answers: {colour: green}}
  - ignore: a test
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "integrations" / "forms" / "acmeforms"
    (folder / "examples").mkdir(parents=True)
    (folder / "preset.yaml").write_text(PRESET, encoding="utf-8")
    (folder / "examples" / "demo.yaml").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def run(directory: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["integrations", *arguments, "--policy-dir", str(directory)])
    return result.exit_code, result.output


def test_a_folder_of_ones_own_is_listed_with_those_of_baton(directory):
    code, output = run(directory, "list", "--json")
    listed = {(one["kind"], one["vendor"]): one for one in json.loads(output)}
    own = listed["form", "acmeforms"]
    assert (code, own["signature"], own["examples"], own["own"]) == (0, "hmac", 1, True)
    assert own["url"] == "/hooks/forms/{source}"
    assert not listed["form", "typeform"]["own"]
    assert run(directory, "list")[0] == 0


def test_its_examples_are_its_tests(directory):
    assert run(directory, "check", "acmeforms") == (0, "1 integrations, 1 examples: all hold.\n")
    example = directory / "integrations/forms/acmeforms/examples/demo.yaml"
    example.write_text(EXAMPLE.replace("green}", "red}", 1), encoding="utf-8")
    code, output = run(directory, "check", "forms/acmeforms")
    assert code == 1
    assert 'lead.answers.colour: "red", expected "green"' in output
    signed = EXAMPLE.replace("expect:", "secret: s\nexpect:")
    example.write_text(signed, encoding="utf-8")
    code, output = run(directory, "check", "acmeforms", "--json")
    assert (code, json.loads(output)["problems"][0]["problem"]) == (
        1,
        "the signature in the headers does not prove the request",
    )


def test_a_fault_of_a_folder_is_told_with_its_place(directory):
    preset = directory / "integrations/forms/acmeforms/preset.yaml"
    preset.write_text(PRESET.replace("source.form_id", "source.form"), encoding="utf-8")
    code, output = run(directory, "check", "acmeforms")
    assert code == 1
    assert "forms/acmeforms/preset.yaml:14" in output
    assert 'did you mean "source.form_id"' in output


def test_an_unknown_vendor_is_a_fault_of_usage(directory):
    code, output = run(directory, "check", "acmeform")
    assert code == 2
    assert "acmeforms" in output


def test_a_payload_is_tried(directory, tmp_path):
    payload = tmp_path / "payload.json"
    payload.write_text(
        '{"entry": [{"id": "e1", "fields": {"Work email": "ada@holt.example", "Hue": "red"}}]}'
    )
    code, output = run(directory, "try", "acmeforms", str(payload), "--json")
    (item,) = json.loads(output)["items"]
    assert (code, item["lead"]["person"]["email"], item["unmapped"]) == (0, "ada@holt.example", ["hue"])
    code, output = run(directory, "try", "acmeforms", str(payload), "--content-type", "text/xml")
    assert code == 1
    assert "not supported" in output
    example = directory / "integrations/forms/acmeforms/examples/demo.yaml"
    code, output = run(directory, "try", "acmeforms", str(example), "--header", "X-Any: thing")
    assert code == 0
    assert 'item 1: ignore "a test"' in output


def test_the_answer_of_a_provider_is_tried(directory, tmp_path):
    answer = tmp_path / "answer.json"
    answer.write_text('{"data": {"email": "ada@holt.example", "status": "valid"}}')
    arguments = ("try", "hunter", str(answer), "--ask", "email", "--question", "email=ada@holt.example")
    code, output = run(directory, *arguments, "--json")
    (item,) = json.loads(output)["items"]
    assert (code, item["outcome"], item["person"]["email_status"]) == (0, "match", "verified")
    assert run(directory, *arguments)[0] == 0
    assert run(directory, "try", "hunter", str(answer), "--ask", "email")[0] == 0
    assert run(directory, "try", "hunter", str(answer), "--ask", "nothing")[0] == 2


def test_an_example_of_a_provider_is_tried(directory):
    example = next(Path("config/integrations/providers/hunter/examples").glob("*.yaml"))
    assert run(directory, "try", "providers/hunter", str(example))[0] == 0
