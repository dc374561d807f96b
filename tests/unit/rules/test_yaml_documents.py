"""YAML documents at their limits: the core schema, positions, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.document import (
    DEPTH_MAX,
    DIGITS_MAX,
    NODES_MAX,
    SCALAR_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    Entries,
    Items,
    Node,
    Scalar,
    core_schema_value,
    read_document,
)
from shared.rules.findings import FindingReport


def read(text: str) -> tuple[Node | None, list[str]]:
    """Return the top node and the findings, without the name of the file."""
    report = FindingReport("x")
    return read_document(text, report), [str(finding).removeprefix("x:") for finding in report.findings]


def plain(node: Node | None) -> Any:
    """Return the values of a node without positions."""
    match node:
        case Items(items):
            return [plain(item) for item in items]
        case Entries(entries):
            return {key: plain(value) for key, (_, value) in entries.items()}
        case Scalar(value):
            return value
    return None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("TRUE", True),
        ("FALSE", False),
        ("t", "t"),
        ("n", "n"),
        ("No", "No"),
        ("Off", "Off"),
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("0o7", 7),
        ("0o8", "0o8"),
        ("0O7", "0O7"),
        ("0xfF", 255),
        ("0xg", "0xg"),
        ("-0x1", "-0x1"),
        ("1e2", 100.0),
        ("1E+2", 100.0),
        ("1.", 1.0),
        ("-.5", -0.5),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("1,000", "1,000"),
        ("1 000", "1 000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1h", "1h"),
        ("٣", "٣"),
        ("2026-03-01", "2026-03-01"),
        ("0b1", "0b1"),
    ],
)
def test_a_plain_scalar_has_its_value_of_the_core_schema(text: str, value: Any) -> None:
    found = core_schema_value(text)
    assert found == value
    assert type(found) is type(value)


@given(st.integers(-(10**16), 10**16))
def test_every_integer_is_read_back(number: int) -> None:
    assert core_schema_value(str(number)) == number
    assert plain(read(f"a: {number}")[0]) == {"a": number}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 'NO'", {"a": "NO"}),
        ("a: '12'", {"a": "12"}),
        ('a: "true"', {"a": "true"}),
        ('a: "\\u00e9"', {"a": "é"}),
        ("a: ''", {"a": ""}),
        ("a:", {"a": None}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >\n  one\n  two\n", {"a": "one two\n"}),
        ("a: |\n  12\n", {"a": "12\n"}),
        ("- a\n- - b\n  - c\n", ["a", ["b", "c"]]),
        ("{a: [1, {b: c}], d: []}", {"a": [1, {"b": "c"}], "d": []}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("# only a comment", None),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: b # a comment", {"a": "b"}),
        ("a: b#c", {"a": "b#c"}),
        ("? a\n: b\n", {"a": "b"}),
        ("a: http://example.com", {"a": "http://example.com"}),
    ],
)
def test_a_document_is_read(text: str, value: Any) -> None:
    node, findings = read(text)
    assert findings == []
    assert plain(node) == value


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\nb: 2\na: 3", '3:1: the key "a" is there already, in line 1'),
        ("a: {b: 1, b: 2}", '1:11: the key "b" is there already, in line 1'),
        ("1: a\n'1': b", '2:1: the key "1" is there already, in line 1'),
        ("a: 1\n~: 2\n~: 3", '3:1: the key "~" is there already, in line 2'),
        ("{[a]: b}", "1:2: a key is text, not a list or a mapping"),
        ("? {a: b}\n: c", "1:3: a key is text, not a list or a mapping"),
        ("a: &b c", "1:4: anchors (&name) are not read; name a condition and use it instead"),
        ("- &b\n  - c", "1:3: anchors (&name) are not read; name a condition and use it instead"),
        ("a: *b", "1:4: aliases (*name) are not read; name a condition and use it instead"),
        ("a: !secret b", '1:4: tags are not read; leave out "!secret"'),
        ("!!map {a: b}", '1:1: tags are not read; leave out "tag:yaml.org,2002:map"'),
        ("a: 1\n---\nb: 1", "2:1: there is more than one document; a policy file has one"),
        ("a: 1\n...\n---\nb: 1", "3:1: there is more than one document; a policy file has one"),
    ],
)
def test_a_construct_that_is_not_allowed_is_refused_where_it_is(text: str, finding: str) -> None:
    assert read(text) == (None, [finding])


def test_entities_cannot_multiply() -> None:
    """The billion laughs need an anchor; the first one ends the reading."""
    lines = ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    node, findings = read("\n".join(lines))
    assert node is None
    assert findings == ["1:5: anchors (&name) are not read; name a condition and use it instead"]


def test_a_text_of_the_greatest_length_is_read() -> None:
    comment = "#" + "x" * (TEXT_LENGTH_MAX - 1)
    assert read(comment)[1] == []
    assert read(comment + "x")[1] == ["1:1: the file is longer than 1,000,000 characters"]


def test_a_value_has_a_greatest_length() -> None:
    assert read("a: " + "x" * SCALAR_LENGTH_MAX)[1] == []
    for quote in ("", "'", '"'):
        _, findings = read(f"a: {quote}{'x' * (SCALAR_LENGTH_MAX + 1)}{quote}")
        assert findings == ["1:4: a value is longer than 10,000 characters"]


@pytest.mark.parametrize(
    ("digits", "is_read"),
    [
        ("9" * DIGITS_MAX, True),
        ("9" * (DIGITS_MAX + 1), False),
        ("-" + "9" * DIGITS_MAX, False),
        ("0x" + "f" * (DIGITS_MAX - 1), False),
        ("0o" + "7" * (DIGITS_MAX - 1), False),
        ("'" + "9" * 30 + "'", True),
        ("9" * 30 + "a", True),
    ],
)
def test_a_number_has_a_greatest_number_of_digits(digits: str, is_read: bool) -> None:
    node, findings = read(f"a: {digits}")
    assert (node is not None) is is_read
    expected = [] if is_read else ["1:4: a number has more than 18 digits; text goes in quotes"]
    assert findings == expected


def test_a_document_has_a_greatest_depth() -> None:
    assert read("[" * DEPTH_MAX + "]" * DEPTH_MAX)[1] == []
    assert read("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1))[1] == [
        f"1:{DEPTH_MAX + 1}: values are nested deeper than 40"
    ]


def test_a_document_has_a_greatest_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NODES_MAX == 100_000
    monkeypatch.setattr("shared.rules.document.NODES_MAX", 5)
    assert plain(read("[1, 2, 3, 4]")[0]) == [1, 2, 3, 4]
    assert read("[1, 2, 3, 4, 5]") == (None, ["1:14: there are more than 5 values"])
    assert read("{a: 1, b: 2, c: 3}") == (None, ["1:14: there are more than 5 values"])


@pytest.mark.parametrize("text", ["a: [", "a: {b", "a: 'b", "a: b: c", "\ta: b", "a:\n - b\n c", "@a"])
def test_what_is_not_yaml_is_one_finding(text: str) -> None:
    node, findings = read(text)
    assert node is None
    (finding,) = findings
    assert "not YAML: " in finding


_keys = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=4)
_structures: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=10,
)


@given(_structures)
def test_json_is_read_as_what_it_is(structure: Any) -> None:
    import json

    node, findings = read(json.dumps(structure))
    assert findings == []
    assert plain(node) == structure
