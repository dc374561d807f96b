"""YAML as policy files read it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.rules.document import Entries, Items, Node, Scalar, read_document
from shared.rules.findings import FindingReport, SourcePosition


def _read(text: str) -> tuple[Node | None, list[str]]:
    report = FindingReport("x.yaml")
    node = read_document(text, report)
    return node, [str(problem) for problem in report.findings]


def _value(node: Node | None) -> Any:
    if isinstance(node, Items):
        return [_value(item) for item in node.items]
    if isinstance(node, Entries):
        return {key: _value(value) for key, (_, value) in node.entries.items()}
    return node.value if node is not None else None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("'null'", "null"),
        ("12", 12),
        ("-3", -3),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12:30:45", "12:30:45"),
        ("2025-03-31", "2025-03-31"),
        ("'5'", "5"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    node, problems = _read(f"a: {text}")
    assert not problems
    found = _value(node)["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_written() -> None:
    node, _ = _read("{on: 1, NO: 2, 1: 3, true: 4, <<: 5}")
    assert _value(node) == {"on": 1, "NO": 2, "1": 3, "true": 4, "<<": 5}


def test_places_count_from_one() -> None:
    node, _ = _read("a:\n  - {b: c}\n")
    assert isinstance(node, Entries)
    (_, items) = node.entries["a"]
    assert isinstance(items, Items)
    assert items.items[0].position == SourcePosition(2, 5)
    inner = items.items[0]
    assert isinstance(inner, Entries)
    assert inner.entries["b"] == (SourcePosition(2, 6), Scalar("c", "c", SourcePosition(2, 9)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1", "x.yaml:1:4: anchors"),
        ("a: *x", "x.yaml:1:4: aliases"),
        ("a: !!python/object:os.system x", "x.yaml:1:4: tags are not read"),
        ("a: 1\na: 2", 'x.yaml:2:1: the key "a" is there already, in line 1'),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: there is more than one document"),
        ("? [a]\n: b", "x.yaml:1:3: a key is text"),
        ("a: 1234567890123456789", "x.yaml:1:4: a number has more than 18 digits"),
        ("a: " + "x" * 10_001, "x.yaml:1:4: a value is longer"),
        ("[" * 41, "x.yaml:1:41: values are nested deeper than 40"),
        ("{a: [}", "x.yaml:1:6: not YAML"),
        ("a: \t- b\n\t- c", "x.yaml:"),
        ('a: "\\U99999999"', "x.yaml:"),
        ("a: \x00", "x.yaml:1:1: not YAML: unacceptable character #x0000"),
        ("%YAML 9.9\n--- a", "x.yaml:"),
        ("a: b: c", "x.yaml:1:5: not YAML"),
        ("x" * 1_000_001, "x.yaml:1:1: the file is longer"),
        ("[" + "a," * 100_001 + "]", "there are more than 100,000 values"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_not_read_is_refused_where_it_is(text: str, problem: str) -> None:
    node, problems = _read(text)
    assert node is None
    (found,) = problems
    assert problem in found


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000])
def test_no_nesting_exhausts_the_stack(text: str) -> None:
    node, problems = _read(text)
    assert node is None
    assert len(problems) == 1
