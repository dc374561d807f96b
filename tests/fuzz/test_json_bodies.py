"""JSONTestSuite: what is no JSON is a 4xx that says so, and whatever is JSON is taken or refused for its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.api import Api

Text = str | dict[str, Any]

CASES: dict[str, Text] = yaml.safe_load((Path(__file__).parent / "data" / "json_test_suite.yaml").read_text())
PATHS = ["/v1/leads", "/v1/signals", "/hooks/forms/website", "/hooks/signals/notices"]
AROUND = [
    # a body that is accepted when its last value is JSON of the right kind, or refused for a field Baton does not know
    ("/v1/leads", '{"person": {"email": "ana@kestrel.example"}, "answers": {"subject": %}}'),
    ("/v1/leads", '{"person": {"email": "ana@kestrel.example"}, "unknown": %}'),
    (
        "/v1/signals",
        '{"type": "news", "occurred_at": "2026-11-01T09:00:00Z", "account": {"name": "Kestrel"}, "unknown": %}',
    ),
    ("/hooks/forms/website", '{"email": "ana@kestrel.example", "subject": %}'),
]
HOLDS_NUL = {"y_string_null_escape", "y_object_escaped_null_in_key"}
"""No database stores NUL in a text: refused with 422."""


def bytes_of(text: Text) -> bytes:
    if isinstance(text, str):
        return text.encode("latin-1")
    return bytes_of(text["repeat"]) * text["times"] + bytes_of(text.get("then", ""))


def test_the_suite_is_complete():
    assert {kind: sum(name.startswith(kind) for name in CASES) for kind in "yni"} == {
        "y": 95,
        "n": 188,
        "i": 35,
    }


@pytest.mark.parametrize("name", CASES)
def test_a_whole_body(api: Api, name: str):
    for path in PATHS:
        answer = post(api, path, bytes_of(CASES[name]))
        if name.startswith("n_"):
            assert_refused(answer)
        else:
            assert_taken_or_refused(answer)


@pytest.mark.parametrize("name", CASES)
def test_a_value_within_a_body(api: Api, name: str):
    for path, around in AROUND:
        before, _, after = around.encode().partition(b"%")
        answer = post(api, path, before + bytes_of(CASES[name]) + after)
        if name.startswith("n_"):
            assert_refused(answer)
        elif name.startswith("y_") and name not in HOLDS_NUL and "unknown" in around:
            assert_refused(answer)
            assert "/unknown" in {error["pointer"] for error in answer.json()["errors"]}
        else:
            assert_taken_or_refused(answer)


def post(api: Api, path: str, body: bytes) -> httpx.Response:
    return api.http.post(path, content=body, headers={"Content-Type": "application/json"}, timeout=60)


def assert_refused(answer: httpx.Response) -> None:
    """The answer is a problem document that names its cause."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:baton:problem:")
    assert problem["title"]
    assert problem["detail"]


def assert_taken_or_refused(answer: httpx.Response) -> None:
    if answer.status_code != 202:
        assert_refused(answer)
    else:
        assert json.loads(answer.content)
