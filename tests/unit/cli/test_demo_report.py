"""The demo's lines fit the terminal, whatever its width, and say who has which lead."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rich.console import Console

from services.cli.demo.cases import CaseResult, CaseStep, GoldenCase
from services.cli.demo.report import DemoReport, print_full_brief
from services.cli.demo.runner import PlayedCase

LEAD = CaseStep("lead", {})


def played(**changes: Any) -> PlayedCase:
    view = {
        "status": "routed",
        "owner": "sdr-1",
        "person": {"email": "somebody.with-a-long-name+webinar@a-long-name.example"},
        "score": {"grade": "A2", "band": "sql"},
        "decision": {"queue": "sdr", "rule": "fits", "reasons": ["score fit grade is A, one of A, B, C"]},
        "trigger": {"kind": "lead", "type": "form"},
        **changes.pop("view", {}),
    }
    case = GoldenCase("a [red] case", [LEAD], {})
    result = CaseResult([view], view, webhooks=1, credits=1, owner=changes.pop("owner", None))
    return PlayedCase(case, result, differences=[], **changes)


async def shown(*some: PlayedCase, width: int) -> list[str]:
    out = io.StringIO()

    async def walked() -> AsyncIterator[PlayedCase]:
        for one in some:
            yield one

    await DemoReport(Console(file=out, width=width)).show(walked(), [one.case for one in some])
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 150, 190])
async def test_a_line_for_each_lead_fits_the_terminal(width: int):
    lines = await shown(played(), played(), width=width)
    assert len(lines) == 5
    assert all(len(line) <= width for line in lines)
    for line in lines[1:3]:
        assert line.startswith("✓  somebody.with-a-")
        assert {"sdr", "sdr-1", "A2", "verified"} <= set(line.split())


async def test_a_wide_line_has_names_and_the_reason_as_a_seller_would_say_it():
    person = {"email": "dana@a.example", "first_name": "Dana", "last_name": "Okafor"}
    brief = {"trigger": {"details": "raised 30 M USD, Series B, 12 days ago"}}
    lines = await shown(played(view={"person": person, "brief": brief}, owner="Ana Ruiz"), width=190)
    assert "dana@a.example" in lines[1]
    assert "Dana Okafor" in lines[1]
    assert "sdr-1 Ana Ruiz" in lines[1]
    assert lines[1].rstrip().endswith("raised 30 M USD, Series B, 12 days ago: fits")


async def test_nothing_is_cut_or_folded_in_a_pipe_and_a_terminal_folds_the_reason():
    reason = {"trigger": {"details": "raised 30 M USD, Series B, 12 days ago, " * 4}}
    address = "somebody.with-a-long-name+webinar@a-long-name.example"
    piped = await shown(played(view={"brief": reason}), width=1_000)
    assert len(piped) == 4
    assert address in piped[1]
    assert piped[1].rstrip().endswith(f"{reason['trigger']['details']}: fits")
    folded = await shown(played(view={"brief": reason}), width=120)
    assert len(folded) > 4
    assert all(len(line) <= 120 for line in folded)
    assert "…" not in "".join(folded).split("verified")[1]


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ({"status": "won", "decision": {"queue": "sdr", "rule": "fits", "reasons": ["won"]}}, "won"),
        (
            {"status": "disqualified", "decision": {"queue": "sdr", "rule": "fits", "reasons": ["bad_data"]}},
            "disqualified: bad data",
        ),
        (
            {
                "brief": {"trigger": {"details": "asked for a demo"}, "hand_off": {"by": "Ana Ruiz"}},
                "decision": {"queue": "senior-ae", "rule": "existing-owner", "change": "moved"},
            },
            "asked for a demo: handed over by Ana Ruiz",
        ),
    ],
)
async def test_what_became_of_a_lead_is_the_reason(view: dict[str, Any], reason: str):
    lines = await shown(played(view=view), width=190)
    assert lines[1].rstrip().endswith(f"  {reason}")


async def test_a_rule_of_ones_own_is_named():
    lines = await shown(played(view={"decision": {"queue": "sdr", "rule": "my-rule"}}), width=150)
    assert lines[1].rstrip().endswith("form: my rule")


def test_the_fullest_brief_is_printed_as_slack_shows_it(capsys):
    markdown = "*Lead:* Dana\n\n> “We lose `time`”\n- E-mail: `dana@a.example`\n- first_name stays"
    short, full = ({"brief": {"markdown": text}} for text in ("*Lead:* Bo", markdown))
    print_full_brief([played(view=short), played(view=full, owner="Ana Ruiz"), played()])
    printed = capsys.readouterr().out
    assert "Slack, to Ana Ruiz (sdr)" in printed
    assert [line.strip("│ ") for line in printed.splitlines()[2:-1]] == [
        "Lead: Dana",
        "",
        "▎ “We lose time”",
        "- E-mail: dana@a.example",
        "- first_name stays",
    ]
    print_full_brief([])
    print_full_brief([played()])
    assert capsys.readouterr().out == ""


async def test_a_suppressed_lead_has_its_reason_for_a_rule():
    lines = await shown(
        played(view={"status": "suppressed", "owner": None, "decision": {"reason": "opted_out"}}), width=120
    )
    assert lines[1].split()[-1] == "out"
    assert "suppressed" in lines[1]


async def test_leads_that_already_exist_are_marked():
    lines = await shown(played(repeated=True), width=120)
    assert lines[1].startswith("=  ")
    assert lines[-1] == "1 demo leads already exist (1 routed); nothing was sent."
