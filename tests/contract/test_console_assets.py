"""What the console serves is what was reviewed: vendored files by hash, templates without unsafe constructs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from services.gateway.console.rendering import TEMPLATES, environment
from services.gateway.console.static_files import FOLDER, static_files

ALL_TEMPLATES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
FORBIDDEN = {
    "an unescaped value": r"\|\s*safe\b|Markup|autoescape false",
    "an inline style": r"\sstyle\s*=|<style",
    "an inline handler": r"\son[a-z]+\s*=(?!=)|hx-on|javascript:",
    "an inline script": r"<script(?![^>]*\bsrc=)",
    "code in an attribute of htmx": r"\bjs:|hx-trigger=\"[^\"]*\[",
    "another host": r"(?:src|href|action)=\"https?://",
}


def test_vendored_files_are_the_ones_that_were_reviewed():
    lines = (FOLDER / "vendored.sha256").read_text().splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    vendored = [*FOLDER.glob("vendor/*"), *FOLDER.glob("fonts/*"), FOLDER / "icons.svg"]
    assert expected == {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendored
    }
    licences = (FOLDER / "LICENSES.md").read_text()
    assert [name for name in expected if f"`{name}`" not in licences] == []


@pytest.mark.parametrize("name", ALL_TEMPLATES)
def test_a_template_has_nothing_that_a_stranger_could_use(name: str):
    text = (TEMPLATES / name).read_text()
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("name", ALL_TEMPLATES)
def test_a_template_is_read_without_error(name: str):
    environment().get_template(name)


def test_every_icon_that_a_template_or_a_script_names_is_in_the_sprite():
    sprite = (FOLDER / "icons.svg").read_text()
    texts = [(TEMPLATES / name).read_text() for name in ALL_TEMPLATES]
    texts += [path.read_text() for path in FOLDER.glob("js/*.js")]
    named = {name for text in texts for name in re.findall(r"\bicon\(\"([a-z0-9-]+)\"\)", text)}
    assert {name for name in named if f'id="{name}"' not in sprite} == set()


def test_scripts_are_free_of_eval_and_of_html_from_text():
    scripts = {path: path.read_text() for path in Path(FOLDER).glob("js/*.js")}
    pattern = re.compile(r"\beval\(|new Function|innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write")
    assert [path.name for path, text in scripts.items() if pattern.search(text)] == []


def test_the_version_in_the_address_changes_with_the_files():
    assets = static_files()
    assert assets.url("js/console.js") == f"/assets/{assets.version}/js/console.js"
    assert len(assets.version) == 12
