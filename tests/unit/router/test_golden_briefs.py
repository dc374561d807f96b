"""Briefs to be read: `briefs/*.md` is what the owner of such a lead gets.

`python -m tests.unit.router.test_golden_briefs` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.briefed_leads import golden_briefs

_FOLDER = Path(__file__).parent / "briefs"
_PAGE = Path(__file__).parents[3] / "docs" / "brief.md"
_BRIEFS = golden_briefs()


@pytest.mark.parametrize("name", _BRIEFS)
def test_a_brief_reads_as_committed(name):
    assert f"{_BRIEFS[name].markdown}\n" == (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_every_committed_brief_is_made():
    assert {path.stem for path in _FOLDER.glob("*.md")} == {*_BRIEFS}


def test_the_documentation_shows_a_present_brief():
    assert f"```text\n{_BRIEFS['hand_off'].markdown}\n```" in _PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", _BRIEFS)
def test_a_brief_reads_well_in_slack_and_in_a_crm(name):
    """No escapes, no headings or bold of one dialect, no names of fields, no lines without a point."""
    text = _BRIEFS[name].markdown
    for noise in ("\\", "**", "\n#", "_", "+0", "company.", "person.", "account.", "None", "\n\n\n"):
        assert noise not in text, noise
    lines = text.splitlines()
    titles = [number for number, line in enumerate(lines) if line.startswith("*") and line.endswith("*")]
    assert titles
    assert all(lines[number + 1].startswith(("- ", "> ")) for number in titles), "an empty section"
    assert len(text) < 3_000, "a section of a Slack message has 3,000 characters"


if __name__ == "__main__":
    for title, brief in _BRIEFS.items():
        (_FOLDER / f"{title}.md").write_text(f"{brief.markdown}\n", encoding="utf-8")
