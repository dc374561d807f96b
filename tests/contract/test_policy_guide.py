"""Every example of docs/policy.md is a policy, together with the default files; the one mistake is found."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared.lead.fields import all_fields
from shared.policy.load import read_policy, texts_in
from shared.rules.findings import Severity

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^```yaml\n# (\w+\.yaml)(?:, first of (\w+))?\n(.*?)^```\n(?:\n```text\n(.*?)\n```)?",
    re.MULTILINE | re.DOTALL,
)
EXAMPLES = BLOCK.findall((ROOT / "docs" / "policy.md").read_text())
YAML_1_2 = YAML(typ="safe", pure=True)


def with_example(name: str, place: str, example: str) -> Mapping[str, str]:
    """The default files, one of them with the example: as first of a list, or for the keys that it has."""
    texts = texts_in(ROOT / "config")
    whole: dict[str, Any] = YAML_1_2.load(texts[name])
    said = YAML_1_2.load(example)
    changed = {**whole, place: [*said, *whole[place]]} if place else {**whole, **said}
    out = io.StringIO()
    YAML_1_2.dump(changed, out)
    return {**texts, name: out.getvalue()}


def test_no_example_is_passed_over():
    assert len(EXAMPLES) == (ROOT / "docs" / "policy.md").read_text().count("```yaml")


@pytest.mark.parametrize(("name", "place", "example", "mistake"), EXAMPLES)
def test_an_example(name: str, place: str, example: str, mistake: str):
    found = read_policy(with_example(name, place, example))
    errors = [str(problem) for problem in found.findings if problem.severity is Severity.ERROR]
    if mistake:
        assert [mistake in error for error in errors] == [True]
    else:
        assert errors == []


def test_the_table_has_every_field_and_no_other():
    table = (ROOT / "docs" / "policy.md").read_text().partition("## Fields")[2].partition("## Fit")[0]
    group, told = "", set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for name in re.findall(r"`([\w.…]+)`", row):
            group = group if name.startswith(".") else name.partition(".")[0]
            told.add((group + name if name.startswith(".") else name).replace("…", "*"))
    assert told == {field.name for field in all_fields()}
