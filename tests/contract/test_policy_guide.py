"""Every example of docs/policy.md is a policy, together with the default files; the one mistake is found.

And whoever follows the guide for a new queue has one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.router.policy import routing_policy_of
from shared.lead.events.scoring import AccountView
from shared.lead.fields import all_fields
from shared.policy.compiled import compiled
from shared.policy.load import read_policy, texts_in
from shared.rules.findings import Severity
from tests.unit.router.conftest import SimulatedRouter

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^```yaml\n# (\w+\.yaml)(?:, first of (\w+))?\n(.*?)^```\n(?:\n```text\n(.*?)\n```)?",
    re.MULTILINE | re.DOTALL,
)
EXAMPLES = BLOCK.findall((ROOT / "docs" / "policy.md").read_text())
QUEUE_GUIDE = (ROOT / "docs" / "how-to" / "add-a-queue.md").read_text()
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


def test_who_follows_the_guide_has_a_queue_of_customer_success():
    steps = BLOCK.findall(QUEUE_GUIDE)
    assert len(steps) == QUEUE_GUIDE.count("```yaml")
    files = {name: YAML_1_2.load(text) for name, text in texts_in(ROOT / "config").items()}
    for name, place, example, _mistake in steps:
        file, told = files[name], YAML_1_2.load(example)
        if place:
            file[place] = [*told, *file[place]]
        for key, value in {} if place else told.items():
            file[key] = {**file[key], **value} if isinstance(value, dict) else value
    texts = {name: io.StringIO() for name in files}
    for name, out in texts.items():
        YAML_1_2.dump(files[name], out)
    reading = read_policy({name: out.getvalue() for name, out in texts.items()})
    assert [one for one in reading.findings if one.severity is not Severity.NOTE] == []
    assert reading.policy is not None
    router = SimulatedRouter(routing_policy_of(compiled(reading.policy)))
    customer = AccountView(relation="customer", market="core", market_validated=True)
    router.score("ana", view=customer)
    router.score("ben", account="ana.example", view=customer)
    router.score("cy")
    assert [router.owner(name) for name in ("ana", "ben", "cy")] == ["csm-1", "csm-1", "sdr-1"]


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
