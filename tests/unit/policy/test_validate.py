"""Validation of files: what is written reads back equal, and a finding stands at the value that is wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from shared.policy.models import PolicyModel, Team
from shared.policy.validate import validate_file
from shared.rules.findings import FindingReport, Path, path_text
from tests.unit.policy.generated import files

WRONG = "broken-value"
"""The key of a mapping; where one value is expected, a mapping is wrong everywhere."""


def as_yaml(value: Any) -> str:
    """Write a file on as few lines as possible, so that columns matter."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 200
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def scalars(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all single values."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from scalars(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from scalars(member, (*path, index))
    else:
        yield path


def broken_at(value: Any, path: Path) -> Any:
    """Return a copy with a wrong value at a path."""
    if not path:
        return {WRONG: 1}
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = broken_at(value[path[0]], path[1:])
    return copy


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(files)
def test_a_file_that_is_written_reads_back_equal(model: PolicyModel) -> None:
    report = FindingReport("policy.yaml")
    validated = validate_file(as_yaml(model.model_dump(mode="json")), type(model), report)
    assert report.findings == []
    assert validated is not None
    assert validated[0] == model


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(files, st.data())
def test_one_broken_value_is_found_where_it_is(model: PolicyModel, data: st.DataObject) -> None:
    plain = model.model_dump(mode="json", exclude_none=True)
    paths = list(scalars(plain))
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    text = as_yaml(broken_at(plain, path))
    before, _, _ = text.partition(WRONG)
    if before.rstrip().endswith("{"):  # in a list, the braces of a mapping may be left out
        before = before.rstrip()[:-1]
    report = FindingReport("policy.yaml")
    assert validate_file(text, type(model), report) is None
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    assert {(finding.line, finding.column) for finding in report.findings} == {(line, column)}, text
    assert {finding.path for finding in report.findings} == {path_text(path)}


def test_all_that_is_wrong_with_a_file_is_found_at_once() -> None:
    report = FindingReport("team.yaml")
    text = (
        "reps:\n"
        "  - {id: ana, name: 5, queues: sdr, wheight: 3}\n"
        "  - {id: ana, queues: [sdr, sdr], weight: -1}\n"
    )
    assert validate_file(text, Team, report) is None
    assert sorted(map(str, report.findings)) == [
        "team.yaml:2:21 reps[0].name: should be text; write '5' in quotes",
        "team.yaml:2:32 reps[0].queues: should be a list",
        'team.yaml:2:37 reps[0].wheight: unknown key "wheight"; did you mean "weight"?',
        'team.yaml:3:10 reps[1].id: "ana" is there already, in line 2',
        'team.yaml:3:29 reps[1].queues[1]: "sdr" is there already, in line 3',
        "team.yaml:3:43 reps[1].weight: should be a whole number from 0 to 1,000, not -1",
        "team.yaml:3:5 reps[1]: name is missing",
    ]
