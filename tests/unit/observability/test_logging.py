"""Logs: one stream, one shape, whoever writes; and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared.observability.logging import REDACTED, configure, log_context
from shared.settings import CommonSettings, load

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _configured(**environ: str) -> io.StringIO:
    out = io.StringIO()
    configure(load(CommonSettings, environ), role="scorer", out=out)
    return out


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_own_and_library_lines_have_one_shape():
    out = _configured()
    with log_context(lead_id="lead-1", traceparent=TRACEPARENT):
        structlog.get_logger("baton").info("scored", total=80)
        logging.getLogger("aiohttp").warning("away: %s", "broker")
    own, foreign = _lines(out)
    assert (own["event"], own["total"], own["level"], own["role"]) == ("scored", 80, "info", "scorer")
    assert (foreign["event"], foreign["logger"], foreign["level"]) == ("away: broker", "aiohttp", "warning")
    for line in (own, foreign):
        assert line["lead_id"] == "lead-1"
        assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        assert line["timestamp"].endswith("Z")


def test_the_context_ends_with_its_block():
    out = _configured()
    with log_context(lead_id="lead-1"):
        pass
    structlog.get_logger().info("after")
    assert "lead_id" not in _lines(out)[0]


def test_the_log_level_applies_to_libraries_too():
    out = _configured(BATON_LOG_LEVEL="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("aiohttp").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in _lines(out)] == ["loud"]


def test_secrets_are_blanked_at_any_depth():
    out = _configured()
    structlog.get_logger().info(
        "calling",
        api_key="s3cret",
        headers={"Authorization": "Bearer s3cret", "accept": "json"},
        pairs=[("X-Api-Key", "s3cret"), ("accept", "json")],
        nested=[{"client_secret": "s3cret"}],
    )
    (line,) = _lines(out)
    assert "s3cret" not in out.getvalue()
    assert line["api_key"] == line["headers"]["Authorization"] == REDACTED
    assert line["headers"]["accept"] == "json"
    assert line["pairs"] == [["X-Api-Key", REDACTED], ["accept", "json"]]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_shown_without_local_variables(log_format: str):
    out = _configured(BATON_LOG_FORMAT=log_format)
    try:
        _fail()
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 6" in out.getvalue()
    assert "S3CRET" not in out.getvalue()


def _fail() -> None:
    hidden = "s3cret".upper()
    raise ValueError(len(hidden))


def test_the_console_format_is_no_json():
    out = _configured(BATON_LOG_FORMAT="console")
    structlog.get_logger().info("scored", total=80)
    assert "scored" in out.getvalue()
    assert "total=80" in out.getvalue()
    assert not out.getvalue().startswith("{")


@pytest.mark.parametrize("level", ["info", "debug"])
def test_requests_to_providers_are_not_logged(level: str):
    """Their URLs and headers hold API keys and e-mail addresses."""
    out = _configured(BATON_LOG_LEVEL=level)
    logging.getLogger("httpx2").info("HTTP Request: GET https://vendor.example/?api_key=k")
    logging.getLogger("httpcore2.http11").debug("send_request_headers")
    assert _lines(out) == []


def test_the_console_shows_control_characters_and_does_not_obey_them():
    out = _configured(BATON_LOG_FORMAT="console")
    error = ValueError("\x1b[2Jfrom a form")
    structlog.get_logger().error("refused", reason=f"\x1b]0;owned\x07\n{error}", exc_info=error)
    text = out.getvalue()
    assert "x1b]0;owned" in text
    assert r"ValueError: \x1b[2Jfrom a form" in text
    assert "\x1b" not in text
