"""No output of the CLI passes a control sequence on that came in with the data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.cli.safe_console import SafeConsole
from services.cli.webhook_receiver import ReceivedWebhook, json_line, text_line
from tests.unit.test_printable import is_harmless

EVIL = "Ana\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202e\u2028 [bold]x[/bold] [/]"
SERVICES = Path(__file__).parents[3] / "services"


def anything(_request: Any) -> Any:
    """Return an answer that every command finds its keys in, with such a text in each of them."""
    item = dict.fromkeys(
        (
            "id",
            "at",
            "name",
            "type",
            "body",
            "cause",
            "detail",
            "message",
            "url",
            "summary",
            "says",
            "problem",
        ),
        EVIL,
    )
    return {"data": [item], "next": None, **item}


COMMANDS = [
    (("sources", "rejected", "website"), "GET /v1/sources/website/rejected"),
    (("dead-letters", "list"), "GET /v1/dead-letters"),
    (("keys", "list"), "GET /v1/api-keys"),
    (("subscriptions", "list"), "GET /v1/subscriptions"),
    (("deliveries", "list", "s1"), "GET /v1/subscriptions/s1/deliveries"),
    (("timeline", "L"), "GET /v1/leads/L/timeline"),
    (("providers", "report"), "GET /v1/providers"),
]


@pytest.mark.parametrize(("command", "request_line"), COMMANDS, ids=lambda value: " ".join(value)[:30])
def test_tables_show_them_and_json_escapes_them(baton, gateway, command, request_line):
    lead = [{"id": EVIL, "at": EVIL, "type": EVIL, "source": EVIL, "outcome": EVIL, "data": {"name": EVIL}}]
    answer = anything(None) if "timeline" not in request_line else {"data": lead}
    gateway.answers |= {request_line: answer, "GET /v1/leads/L": anything(None)}
    for options in ((), ("--json",)):
        code, out, err = baton(*command, *options)
        assert code == 0, err
        assert is_harmless((out + err).replace("\n", "")), (out, err)
        assert "x1b" in out or options
    assert json.dumps(EVIL) in json.dumps(json.loads(out)), "the JSON means what the gateway answered"


def test_problems_and_errors_show_them(baton, gateway):
    problem = {"title": EVIL, "status": 422, "detail": EVIL, "errors": [{"pointer": EVIL, "detail": EVIL}]}
    gateway.answers["GET /v1/api-keys"] = (422, problem)
    code, out, err = baton("keys", "list")
    assert code == 1
    assert is_harmless((out + err).replace("\n", ""))
    assert r"\x1b]0;owned" in err


def test_a_received_webhook_is_one_line():
    body = json.dumps(
        {"type": EVIL + "\n", "data": {"lead_id": EVIL, "decision": {"owner": "a\nb"}}}
    ).encode()
    webhook = ReceivedWebhook({"webhook-id": EVIL}, body, verified=None)
    assert is_harmless(text_line(webhook))
    assert is_harmless(json_line(webhook))
    assert json.loads(json_line(webhook))["body"] == json.loads(body)


def test_a_console_keeps_its_own_styles(capsys: pytest.CaptureFixture[str]):
    from rich.text import Text

    console = SafeConsole(force_terminal=True, color_system="standard")
    console.print(Text(f"styled {EVIL}", style="red"))
    out = capsys.readouterr().out
    assert "\x1b[31m" in out
    assert is_harmless(re.sub(r"\x1b\[[0-9;]*m", "", out).replace("\n", ""))
    assert r"\x1b]0;owned" in out


def test_every_module_prints_through_the_safe_functions():
    """`typer.echo`, `print` and plain consoles are for `output.py`."""
    unsafe = re.compile(
        r"typer\.(?:secho|echo)\(|(?<![\w.])print\(|(?<!Safe)Console\(|sys\.std(?:out|err)\.write"
    )
    found = {
        str(file.relative_to(SERVICES))
        for file in (SERVICES / "cli").rglob("*.py")
        if file.name != "output.py" and unsafe.search(file.read_text())
    }
    assert found == {"cli/reference.py"}
