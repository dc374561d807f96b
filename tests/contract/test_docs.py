"""The pages that list what is in code are held to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.lead.events.registry import EVENT_TYPES
from shared.lead.events.schemas import with_events_table

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_events_is_the_one_of_the_registry():
    page = (ROOT / "docs" / "events.md").read_text()
    assert with_events_table(page) == page, "run: python -m shared.lead.events.schemas"
    assert all(f"| `{event_type.name}` |" in page for event_type in EVENT_TYPES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
