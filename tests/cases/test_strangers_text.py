"""What a stranger writes into a form is shown to the operator and to the seller, and does nothing there."""

from __future__ import annotations

import subprocess
import sys

import cmarkgfm
import httpx
import pytest

from tests.unit.test_printable import is_harmless

MESSAGE = (
    "\x1b]0;owned\x07\x1b[2J\u202eplease call\r\x9b31m us about a demo for our team of sellers; our page is "
    "www.evil.example and our address is mailto:x@evil.example"
)
FORM = {
    "email": "ana@strangerstext.example",
    "name": "Ana \x1b[31mRuiz",
    "title": "VP \x9bSales",
    "company": "Strangers' Text",
    "company size": "300",
    "industry": "software",
    "country": "US",
    "message": MESSAGE,
    "Farbe\x1b[5m": "blau\x1b[5m",
}


@pytest.fixture(scope="module")
def lead_id(api) -> str:
    with httpx.Client(base_url=api.http.base_url) as stranger:
        sent = stranger.post("/hooks/forms/website", data=FORM)
    assert sent.status_code == 202, sent.text
    lead_id: str = api.settled(sent.json())["lead_id"]
    return lead_id


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("command", ["explain", "timeline"])
def test_no_control_sequence_reaches_the_terminal(baton, lead_id, command, options):
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", command, lead_id, *options],
        env={**baton.environ, "BATON_URL": baton.url, "COLUMNS": "300"},
        capture_output=True,
        timeout=120,
        check=True,
    )
    text = (done.stdout + done.stderr).decode()
    assert text
    assert is_harmless(text.replace("\n", "")), text


def test_nothing_in_the_brief_is_a_link(api, lead_id):
    view = api.view(lead_id)
    assert view is not None
    markdown = view["brief"]["markdown"]
    assert "please call" in markdown
    assert "<a" not in cmarkgfm.github_flavored_markdown_to_html(markdown)
