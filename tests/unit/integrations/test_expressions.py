"""Expressions of presets: their functions, their bounds, and that they never raise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from shared.integrations.expressions import (
    EXPRESSION_LENGTH_MAX,
    ExpressionInvalid,
    compile_expression,
    evaluation_at,
)

NOW = datetime(2026, 1, 15, 10, tzinfo=UTC)
CONTRACT = (
    "!contains(keys(@), 'field_data') && leadgen_id",
    "event == 'invitee.canceled' && payload.rescheduled",
    "status == `400` && body.code == 'error.enrichment.in_progress'",
    "query.\"hub.mode\" == 'subscribe'",
    "body.person == null && body.company == null",
    "epoch(created_time)",
    "join_by(form_response.answers, form_response.definition.fields, &field.id, &id)[*].[[1].title, [0].text]",
    "first_nonempty(names(name).last, after_prefix(handle, '@'), text(tags), phone(phone, country))",
    "lookup('sizes', size) || range(size) || regex(size, '([0-9]+)') || split(size, '-')[0]",
    "days_since(date) > `90` && bool(flag) && header('x-kind') == query('kind') && asked('email')",
    "pairs(@)[*].{label: key, value: value}",
    "pairs(nested(@), '^(.)')[*].[match, value]",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "id", "name", "field_data", "form_response", "answers"]), inner
        )
    ),
    max_leaves=20,
)


def value(text: str, node: Any = None, **scope: Any) -> Any:
    return evaluation_at(NOW, node, **scope).value(compile_expression(text), node)


@pytest.mark.parametrize(
    ("text", "node", "expected"),
    [
        ("a.b", {"a": {"b": 1}}, 1),
        ("a.b", {"a": [1]}, None),
        (
            "unnest(a, &b.c)[*].[[0].n, [1]]",
            {"a": [{"n": 1, "b": {"c": [7, 8]}}, {"n": 2}, {"n": 3, "b": {"c": [9]}}]},
            [[1, 7], [1, 8], [3, 9]],
        ),
        ("unnest(a, &b)", {"a": {"b": [1]}}, None),
        ("names(@)", "Ana Maria Ruiz", {"first": "Ana Maria", "last": "Ruiz"}),
        ("names(@)", "Prince", {"first": "Prince"}),
        ("names(@)", "  ", None),
        ("epoch(@)", 1_767_225_600, "2026-01-01T00:00:00Z"),
        ("epoch(@)", 1_767_225_600_123, "2026-01-01T00:00:00.123000Z"),
        ("epoch(@)", "1767225600", "2026-01-01T00:00:00Z"),
        ("epoch(@)", "20260131", "2026-01-31T00:00:00Z"),
        ("epoch(@)", "2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("epoch(@)", 2026, None),
        ("epoch(@)", "soon", None),
        ("epoch(@)", True, None),
        ("phone(@)", "+49 30 901820", "+4930901820"),
        ("phone(@, 'Germany')", "030 901820", "+4930901820"),
        ("bool(@)", "ja", True),
        ("bool(@)", "perhaps", None),
        ("first_nonempty(a, b, c)", {"a": "", "b": [], "c": 0}, 0),
        ("first_nonempty(a, b)", {"a": False, "b": 1}, False),
        ("first_nonempty(a, b)", {"a": {}}, None),
        ("first_nonempty()", {}, None),
        ("after_prefix(@, 'tel:')", "tel:12", "12"),
        ("after_prefix(@, 'tel:')", "12", None),
        ("text(@)", ["a", 1, 2.0, True], "a, 1, 2, true"),
        ("pairs(@)", {"a": 1}, [{"key": "a", "value": 1}]),
        ("pairs(@, '^q[0-9]+_(.+)$')", {"q1_a": 1, "x": 2}, [{"key": "q1_a", "value": 1, "match": "a"}]),
        ("pairs(@, '^q')[*].match", {"q1": 1, "x": 2}, ["q"]),
        ("pairs(@, '(')", {"a": 1}, []),
        ("pairs(@, '^.+$')[*].match", {"a" * 300: 1}, ["a" * 300]),
        ("pairs(a, 'a', 'b')", {"a": {"a": 1}}, None),
        ("nested(@)", {"f[a][id]": "1", "f[a][v]": "2", "g": 3}, {"f": {"a": {"id": "1", "v": "2"}}, "g": 3}),
        ("nested(@)", {"f[a][]": ["1", "2"], "g[]": ["3"]}, {"f": {"a": ["1", "2"]}, "g": ["3"]}),
        ("nested(@)", {"f[a]": 1, "f[a][b]": 2}, {"f": {"a": 1}, "f[a][b]": 2}),
        ("nested(@)", {"f[a][b]": 2, "f[a]": 1}, {"f": {"a": {"b": 2}}, "f[a]": 1}),
        ("nested(@)", {"f[a]": {"b": 1}, "f[a][c]": 2}, {"f": {"a": {"c": 2}}, "f[a]": {"b": 1}}),
        (
            "nested(@)",
            {"[a]": 1, "a[b": 2, "a[b]c": 3, "a[[b]]": 4},
            {"[a]": 1, "a[b": 2, "a[b]c": 3, "a[[b]]": 4},
        ),
        ("nested(@)", [1], None),
        ("days_since(@)", "2026-01-01", 14),
        ("days_since(@)", "2026-01-16T10:00:00Z", -1),
        ("lower(@)", "ABC", "abc"),
        (
            "plain_text(@)",
            "<p>1 < 2 &amp; <b>yes</b></p>\n<div>more<br/>lines</div>",
            "1 < 2 & yes\nmore\nlines",
        ),
        ("plain_text(@)", "<p> </p>", None),
        ("split(@, ';')", "a; b;;", ["a", "b"]),
        ("regex(@, '([0-9]+)-')", "x 12-3", "12"),
        ("regex(@, '(')", "x", None),
        ("regex(@, 'ß(.+)')", "Straße é", "e é"),
        ("regex(@, 'a|(b)')", "a", None),
        ("contains(@, 'a')", None, None),
        ("join_by(a, b, &k, &id)[*][1].t", {"a": [{"k": 1}, {"k": 9}], "b": [{"id": "1", "t": "T"}]}, ["T"]),
        ("join_by(a, b, &k, &id)", {"a": 1}, None),
        ("join_by(a, b, &k, &id)", {"a": [{"k": 1}]}, [[{"k": 1}, None]]),
    ],
)
def test_a_function_gives_what_its_name_says(text: str, node: Any, expected: Any) -> None:
    assert value(text, node) == expected


def test_functions_read_the_request_the_tables_and_the_question() -> None:
    scope: dict[str, Any] = {
        "headers": {"x-kind": "demo"},
        "query": {"form": "7"},
        "asked": {"email": "ana@acme.example"},
        "tables": {"sizes": {"small": 10}},
        "read_range": {"51-200": 51, "51": 51}.get,
    }
    read = value("[header('X-Kind'), query('form'), asked('email'), lookup('sizes', 'Small')]", {}, **scope)
    assert read == ["demo", "7", "ana@acme.example", 10]
    assert value("body().a", {"a": 3}) == 3
    for given_size in ("51-200", [51, 200], {"min": 51, "max": 200}, {"from": 51}, 51, 51.0):
        assert value("range(@)", given_size, **scope) == 51
    assert value("range(@)", "51-200") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a.", "is no JMESPath expression"),
        ("missing(a)", "there is no function missing"),
        ("a[?missing(b)]", "there is no function missing"),
        ("(" * 900 + "a" + ")" * 900, "is no JMESPath expression"),
        ("[" * 60 + "a" + "]" * 60, "is nested deeper"),
        ("!a.b", "write !\\(a.b\\)"),
        ("a[?!b.c]", "write !\\(a.b\\)"),
        ("a" * (EXPRESSION_LENGTH_MAX + 1), "characters at most"),
    ],
)
def test_an_expression_that_is_none_says_why(text: str, problem: str) -> None:
    with pytest.raises(ExpressionInvalid, match=problem):
        compile_expression(text)


def test_an_evaluation_ends_when_its_steps_are_used_up() -> None:
    """Nested projections over a long list would take billions of steps."""
    items = [{"a": index} for index in range(2_000)]
    nested = compile_expression("a[*].[map(&map(&map(&a, body().a), body().a), body().a)]")
    run = evaluation_at(NOW, {"a": items})
    assert run.value(nested, {"a": items}) is None
    assert run.is_exhausted
    assert run.value(compile_expression("a[0].a || a"), {"a": items}) is None


@given(node=JSON, text=st.sampled_from(CONTRACT), body=JSON)
def test_no_value_makes_an_expression_raise_and_the_same_value_gives_the_same(
    node: Any, text: str, body: Any
) -> None:
    first = evaluation_at(NOW, body).value(compile_expression(text), node)
    assert repr(first) == repr(evaluation_at(NOW, body).value(compile_expression(text), node))


@given(text=st.text(alphabet="ab.[]()*?&|'`\"@{}:,0123 ", max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compiled = compile_expression(text)
    except ExpressionInvalid:
        return
    evaluation_at(NOW).value(compiled, {"a": [1]})


PATHS: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(
            ["a", "id", "name", "@", "[0]", "[-1]", "[1:]", "*", "[]", "[*]", "'x'", "`1`", "`[]`"]
        )
        | st.builds(
            "{}.{}".format, PATHS, st.sampled_from(["a", "id", "*", "[a, id]", "{a: a, b: id}", "keys(@)"])
        )
        | st.builds(
            "{}[{}]".format,
            PATHS,
            st.sampled_from(["0", "", "*", "?a", "?a == id", "?id > `1`", "?!(a)", "::2"]),
        )
        | st.builds(
            "({} {} {})".format, PATHS, st.sampled_from(["||", "&&", "==", "!=", "<", ">=", "|"]), PATHS
        )
        | st.builds("!({})".format, PATHS)
        | st.builds("map(&{}, {})".format, PATHS, PATHS)
        | st.builds("sort_by({}, &{})".format, PATHS, PATHS)
        | st.builds("{}({}, {})".format, st.sampled_from(["not_null", "merge", "join"]), PATHS, PATHS)
    )
)


@given(text=PATHS, node=JSON)
def test_a_compiled_expression_gives_what_the_library_gives(text: str, node: Any) -> None:
    """But for a function with a wrong type: the library raises, a preset reads null."""
    try:
        compiled = compile_expression(text)
        expected = jmespath.search(text, node)
    except (ExpressionInvalid, JMESPathError, TypeError, ValueError):
        return
    assert repr(evaluation_at(NOW).value(compiled, node)) == repr(expected)
