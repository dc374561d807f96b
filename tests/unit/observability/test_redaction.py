"""Which values of a log line are replaced, because their name says that they are secret."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observability.logging import REDACTED, redact, renderers
from shared.settings import CommonSettings, load

SECRET_NAMES = [
    "password",
    "db_password",
    "Authorization",
    "Proxy-Authorization",
    "client_secret",
    "X-Api-Key",
    "api_key",
    "BATON_ADMIN_KEY",
    "secret_key",
    "access-token",
]
PLAIN_NAMES = ["lead_id", "key", "topic", "passwords_changed", "token_count", "author", "secretary"]

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PLAIN_NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)


def redacted(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", event))


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_the_value_of_a_secret_name_is_replaced_wherever_it_stands(name: str) -> None:
    hidden = "s3cret"
    assert redacted(**{name: hidden}) == {name: REDACTED}
    assert redacted(outer={name: hidden}) == {"outer": {name: REDACTED}}
    assert redacted(outer=[{name: hidden}]) == {"outer": [{name: REDACTED}]}
    assert redacted(headers=[(name, hidden), ("accept", "json")]) == {
        "headers": [[name, REDACTED], ["accept", "json"]]
    }


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_name_that_only_resembles_a_secret_keeps_its_value(name: str) -> None:
    assert redacted(**{name: "value"}) == {name: "value"}


def test_a_secret_that_is_a_structure_is_replaced_as_a_whole() -> None:
    assert redacted(client_secret={"part": "s3"}, token=["s3", "cret"]) == {
        "client_secret": REDACTED,
        "token": REDACTED,
    }


@given(st.dictionaries(st.sampled_from(PLAIN_NAMES), values, max_size=4))
def test_lines_without_secrets_are_unchanged(event: dict[str, Any]) -> None:
    assert redacted(**event) == event


@given(st.dictionaries(st.sampled_from(PLAIN_NAMES), values, max_size=3), st.sampled_from(SECRET_NAMES))
def test_redacting_twice_is_redacting_once(event: dict[str, Any], name: str) -> None:
    once = redacted(nested={**event, name: "s3cret"})
    assert redacted(**once) == once
    assert "s3cret" not in repr(once)


def test_the_event_itself_is_not_changed() -> None:
    event = {"nested": {"token": "s3cret"}}
    redacted(**event)
    assert event == {"nested": {"token": "s3cret"}}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("log_format", "out", "is_json"),
    [
        ("json", Terminal(), True),
        ("json", io.StringIO(), True),
        ("console", io.StringIO(), False),
        ("auto", Terminal(), False),
        ("auto", io.StringIO(), True),
    ],
)
def test_the_format_follows_the_setting_and_the_terminal(
    log_format: str, out: io.StringIO, is_json: bool
) -> None:
    settings = load(CommonSettings, {"BATON_LOG_FORMAT": log_format})
    line: Any = {"event": "started", "level": "info"}
    for processor in renderers(settings, out):
        line = processor(None, "info", line)
    assert line.startswith("{") is is_json
