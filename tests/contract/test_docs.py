"""The pages that list what is in code are held to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.lead.events.registry import EVENT_TYPES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_event_is_on_the_page_with_its_topic_and_readers():
    page = (ROOT / "docs" / "events.md").read_text()
    for event_type in EVENT_TYPES:
        topic = event_type.topic
        row = f"| `{event_type.name}` | `{topic.name}` | {', '.join(topic.writers)} | {', '.join(topic.readers)} |"
        assert row in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
