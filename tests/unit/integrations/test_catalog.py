"""The catalog of integrations: folders, findings with positions, and which folder wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.integrations.catalog import load_integrations, read_example, read_integrations, read_stub

FORM = """\
vendor: acme
kind: form
title: Acme Forms
docs: https://acme.example/docs
content: [json, {multipart_json: rawRequest}]
signature: {scheme: hmac, header: X-Acme, value: "t={timestamp},v1={signature}", signed: "{timestamp}.{body}"}
outcomes:
  - {when: "type == 'DELETED'", do: erase, by: {external_id: lead_id}}
labels: ["answers[*].[question, text]", {Plan: plan.name}]
map: {person.email: email, answers.plan: plan}
activity: demo_request
"""
PROVIDER = """\
vendor: finder
title: Finder
docs: https://finder.example/docs
base_url: https://api.finder.example
price: {match: 10, found_field: {person.phone: 5}}
auth: {header: Authorization, value: "Bearer {key}"}
ask:
  person: {method: POST, path: /v1/people, body: {email: "{email}"}, needs: [email]}
poll: {path: "/v1/people/{job}", job: id, for: 5m}
outcomes:
  - {when: "status == `429`", is: retry_later, again_after: body.wait_s}
answer:
  person.title: {value: title, confidence: score}
  as_of: epoch(updated)
  confidence: {person.phone: score, default: 70}
"""


def write(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_presets_are_read_with_their_forms_of_writing(tmp_path: Path) -> None:
    write(tmp_path, "forms/acme/preset.yaml", FORM)
    write(tmp_path, "providers/finder/preset.yaml", PROVIDER)
    found = read_integrations([tmp_path])
    assert found.findings == ()
    form, provider = found.forms["acme"].preset, found.providers["finder"].preset
    assert [(content.kind, content.field) for content in form.content] == [
        ("json", None),
        ("multipart_json", "rawRequest"),
    ]
    assert [(str(source.pairs), source.label) for source in form.labels] == [
        ("answers[*].[question, text]", None),
        ("plan.name", "Plan"),
    ]
    assert [rule.type for rule in form.activity] == ["demo_request"]
    assert set(provider.answer.fields) == {"person.title"}
    assert str(provider.answer.as_of) == "epoch(updated)"
    assert provider.answer.confidence.default == 70
    assert provider.ask["person"].needs == (("email",),)
    assert provider.poll is not None
    assert provider.poll.for_.seconds == 300


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("labels: [", "lables: [", 'preset.yaml:9:1 lables: unknown key "lables"; did you mean "tables"?'),
        ("email: email", 'email: "a["', 'preset.yaml:10:21 map["person.email"]: is no JMESPath expression'),
        ("person.email:", "person.emial:", 'map["person.emial"]: there is no field of forms "person.emial"'),
        ("{signature}", "{sig}", "signature.value: should have {signature}"),
        (".{body}", ".", "signature.signed: should have {body}"),
        ("kind: form", "kind: signal", "preset.yaml:2:7 kind: should be form, as the folder is in forms"),
        ("vendor: acme", "vendor: acne", "preset.yaml:1:9 vendor: should be acme, as the folder"),
        (", by: {external_id: lead_id}", "", "preset.yaml:8:5 outcomes[0]: erase needs by"),
        ("{multipart_json: rawRequest}", "multipart_json", "content[1]: multipart_json, and only that"),
        ("json, {", "jsn, {", "preset.yaml:5:11 content[0]"),
    ],
)
def test_a_fault_is_named_with_its_position_and_leaves_the_folder_out(
    tmp_path: Path, old: str, new: str, finding: str
) -> None:
    write(tmp_path, "forms/acme/preset.yaml", FORM.replace(old, new))
    write(tmp_path, "providers/finder/preset.yaml", PROVIDER)
    found = read_integrations([tmp_path])
    assert any(finding in str(one) for one in found.findings), list(map(str, found.findings))
    assert "acme" not in found.forms
    assert "finder" in found.providers


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("person.title:", "person.tilte:", 'answer["person.tilte"]: no answer gives "person.tilte"'),
        ("path: /v1/people,", 'path: "/v1/{emial}",', "ask.person.path: there is no {emial}"),
        ("title, confidence: score", "title, confidenc: score", 'unknown key "confidenc"'),
        ("base_url: https://", "base_url: ftp://", "preset.yaml:4:11 base_url: should be an http"),
        ("{match: 10,", "{match: -1,", "preset.yaml:5:16 price.match"),
    ],
)
def test_faults_of_providers(tmp_path: Path, old: str, new: str, finding: str) -> None:
    write(tmp_path, "providers/finder/preset.yaml", PROVIDER.replace(old, new))
    found = read_integrations([tmp_path])
    assert any(finding in str(one) for one in found.findings), list(map(str, found.findings))
    assert not found.providers


def test_an_operators_folder_replaces_the_built_in_one_whole(tmp_path: Path) -> None:
    own, built_in = tmp_path / "own", tmp_path / "built_in"
    write(built_in, "forms/acme/preset.yaml", FORM)
    write(built_in, "forms/other/preset.yaml", FORM.replace("acme\n", "other\n", 1))
    write(own, "forms/acme/preset.yaml", FORM.replace("Acme Forms", "Own Forms"))
    found = read_integrations([own, built_in])
    assert {name: folder.preset.title for name, folder in found.forms.items()} == {
        "acme": "Own Forms",
        "other": "Acme Forms",
    }
    write(own, "forms/acme/preset.yaml", "vendor: [")
    assert "acme" not in read_integrations([own, built_in]).forms


def test_examples_are_read_with_positions(tmp_path: Path) -> None:
    example = tmp_path / "forms" / "acme" / "examples" / "one.yaml"
    write(
        tmp_path,
        "forms/acme/examples/one.yaml",
        "title: A demo\nrequest: {form: {email: a@b.example}}\nat: 2026-01-15T10:00:00Z\n"
        "expect: [{lead: {person: {email: a@b.example}}}, {ignore: test}]\n",
    )
    read, findings = read_example("forms", example)
    assert findings == []
    assert read is not None
    assert len(read.expect) == 2
    write(tmp_path, "forms/acme/examples/one.yaml", "title: A demo\nrequest: {form: 3}\nexpect: []\n")
    read, findings = read_example("forms", example)
    assert read is None
    assert "acme/examples/one.yaml:2:" in str(findings[0])


def test_a_preset_needs_no_title_page_or_address(tmp_path: Path) -> None:
    """The shortest preset: what the documentation page shows has defaults."""
    write(tmp_path, "forms/acme_forms/preset.yaml", "{vendor: acme_forms, kind: form, content: [json]}")
    write(
        tmp_path,
        "providers/finder/preset.yaml",
        "{vendor: finder, auth: {query: key}, ask: {email: {path: /v}}}",
    )
    found = read_integrations([tmp_path])
    assert found.findings == ()
    assert found.forms["acme_forms"].preset.title == "Acme Forms"
    assert found.providers["finder"].preset.base_url == ""


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('{json: {a: ["{company..x}"]}}', '"{company..x}" is no JMESPath expression'),
        ('{json: {a: "{nothing(a)}"}}', "there is no function nothing"),
        ('{json: "{open"}', '"{open" has a { without its }'),
        ("{status: 99}", "should be a whole number from 200 to 599, not 99"),
    ],
)
def test_a_fault_in_an_answer_of_the_stubs_is_named(tmp_path: Path, text: str, finding: str) -> None:
    folder = tmp_path / "finder"
    folder.mkdir()
    (folder / "stub.yaml").write_text(f"vendor: finder\nanswers:\n  company:\n    match: {text}\n")
    stub, [found] = read_stub(folder)
    assert stub is None
    assert found.line == 4
    assert finding in str(found)


def test_presets_that_change_after_they_were_read_are_named(tmp_path: Path) -> None:
    own = tmp_path / "integrations"
    write(own, "forms/acme/preset.yaml", FORM)
    write(own, "providers/finder/preset.yaml", PROVIDER)
    read = load_integrations(tmp_path)
    assert read.forms["acme"].directory.parent.parent == own
    assert read.changed_since_read() == []
    write(own, "forms/acme/examples/one.yaml", "title: examples do not count")
    assert read.changed_since_read() == []
    write(own, "forms/acme/preset.yaml", FORM + "note: changed")
    write(own, "signals/new/preset.yaml", "vendor: new")
    (own / "providers/finder/preset.yaml").unlink()
    assert read.changed_since_read() == ["forms/acme", "providers/finder", "signals/new"]
    assert load_integrations(tmp_path).changed_since_read() == []
    assert load_integrations().changed_since_read() == []
