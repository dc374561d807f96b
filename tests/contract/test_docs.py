"""The pages of the documentation: what they link to and name exists, and lists agree with the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from shared.lead.events.registry import EVENT_TYPES
from shared.lead.events.schemas import with_events_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
GUIDES = sorted((DOCS / "how-to").glob("*.md"))

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
"""Runs a test for each page."""

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(r"`((?:services|shared|tests|config|deploy|docs)/[\w./-]+)`")
NAMED_MODULE = re.compile(r"python -m ((?:services|shared|tests)[\w.]*)")
NAMED_TARGET = re.compile(r"(?:^ {4}|`)make ([a-z]+(?: [a-z]+)*)", re.MULTILINE)


def anchors(page: Path) -> Iterator[str]:
    """The anchors that GitHub gives the headings of a page."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_table_of_events_is_that_of_the_registry():
    page = (DOCS / "events.md").read_text()
    assert with_events_table(page) == page, "run: python -m shared.lead.events.schemas"
    assert all(f"| `{event_type.name}` |" in page for event_type in EVENT_TYPES)


@every_page
def test_links_lead_to_a_page_and_a_heading_that_exist(page: Path):
    for link in LINK.findall(page.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@every_page
def test_paths_that_a_page_names_exist(page: Path):
    """A how-to also names files that its reader writes: their folder exists."""
    for path in NAMED_PATH.findall(page.read_text()):
        named = ROOT / path
        assert named.exists() or (page in GUIDES and _nearest_folder(named) != ROOT), path


@every_page
def test_modules_and_make_targets_that_a_page_names_exist(page: Path):
    text = page.read_text()
    for module in NAMED_MODULE.findall(text):
        assert find_spec(module) is not None, module
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for named in NAMED_TARGET.findall(text):
        assert set(named.split()) <= {*targets}, named


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_how_to_begins_with_the_number_of_files_to_write(guide: Path):
    assert re.search(r"^# .+\n\nYou write \d+ files?\b", guide.read_text()), guide.name


@pytest.mark.parametrize(
    "folder", [DOCS, DOCS / "adr", DOCS / "integrations"], ids=lambda folder: folder.name
)
def test_an_index_links_to_every_page_of_its_folder(folder: Path):
    index = folder / "README.md"
    linked = {(folder / link).resolve() for link in LINK.findall(index.read_text()) if "://" not in link}
    pages = {page for page in folder.rglob("*.md") if page.name != "README.md"}
    if folder == DOCS:
        with_own_index = {DOCS / "adr", DOCS / "integrations"}
        pages = {page for page in pages if with_own_index.isdisjoint(page.parents)}
    assert pages <= linked


def _nearest_folder(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.is_dir())
