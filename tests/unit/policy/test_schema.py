"""JSON Schemas of the policy files: valid files pass, wrong ones fail, and conditions are described."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from shared.policy.models import FILES
from shared.policy.schema import main, path_of, rendered, schema_of
from shared.rules.operators import Op


def value_of(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_itself_valid_and_accepts_the_small_policy(files: dict[str, str], name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(value_of(files[name]))), schema)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("icp.yaml", "validated: true", "validated: 1"),
        ("icp.yaml", "points: 60", "points: 101"),
        ("icp.yaml", "name: mid", "nam: mid"),
        ("icp.yaml", "{field: company.employees, lt: 10}", "{field: company.employes, lt: 10}"),
        ("icp.yaml", "{field: company.employees, lt: 10}", "{field: company.employees, lt: 10, gt: 5}"),
        ("icp.yaml", "{field: company.employees, lt: 10}", "{field: company.employees}"),
        ("icp.yaml", "{use: large}", "{use: 5}"),
        ("icp.yaml", "{use: large}", "{al: [{use: large}]}"),
        ("icp.yaml", "{use: large}", "{all: []}"),
        ("scoring.yaml", "band: mql", "band: mqls"),
        ("scoring.yaml", "half_life: 14d", "half_life: 2w"),
        ("team.yaml", "queues: [sdr, ae]", "queues: []"),
        ("team.yaml", "Mon-Fri 09:00-17:00", "9 to 5"),
        ("providers.yaml", "  acme: {", "  our acme: {"),
        ("providers.yaml", "charged: call", "charged: calls"),
        ("sources.yaml", "kind: form", "kind: Forms"),
    ],
)
def test_a_schema_rejects_a_wrong_value(files: dict[str, str], name: str, old: str, new: str) -> None:
    assert old in files[name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value_of(files[name].replace(old, new, 1)), schema_of(name))


def test_conditions_are_described_once_with_every_operator() -> None:
    definitions = schema_of("icp.yaml")["$defs"]
    comparison = definitions["Condition"]["anyOf"][0]
    assert set(comparison["properties"]) == {"field", *Op}
    assert [list(part["properties"]) for part in definitions["Condition"]["anyOf"][1:]] == [
        ["all"],
        ["any"],
        ["not"],
        ["use"],
    ]
    names = definitions["Field"]["anyOf"][0]["enum"]
    assert "company.employees" in names
    assert not any(name.endswith("*") for name in names)
    assert definitions["Field"]["anyOf"][1]["pattern"].startswith("^(")


def test_files_without_conditions_have_no_definition_of_them() -> None:
    assert "Condition" not in schema_of("team.yaml")["$defs"]


def test_a_duration_is_text_with_a_default_in_text() -> None:
    timeout = schema_of("providers.yaml")["$defs"]["Provider"]["properties"]["timeout"]
    assert (timeout["type"], timeout["default"]) == ("string", "2s")
    assert "title" not in timeout


def test_the_command_writes_a_file_for_each_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "new" / "schemas"
    monkeypatch.setattr("sys.argv", ["schema", str(directory)])
    main()
    assert {path.name for path in directory.iterdir()} == {path_of(name) for name in FILES}
    for name in FILES:
        assert (directory / path_of(name)).read_text() == rendered(name)
        assert rendered(name).endswith("}\n")
