"""The committed page of each vendor is made from its folder, and the guides work as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.integrations import app
from shared.integrations.pages import all_pages

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = {"add-a-form": "forms/northform", "add-a-provider": "providers/northdata"}
BLOCK = re.compile(r"`config/integrations/([\w./-]+\.yaml)`.*?```yaml\n(.*?)```", re.DOTALL)


def test_the_pages_are_those_of_the_folders() -> None:
    """If not: `python -m shared.integrations.pages docs/integrations`."""
    folder = DOCS / "integrations"
    made = dict(all_pages())
    committed = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.md")}
    assert {name: text for name, text in committed.items() if name != "format.md"} == made


def guide_files(guide: str, directory: Path) -> list[Path]:
    """Write the files that a guide names, with its text, and return them."""
    text = (DOCS / "how-to" / f"{guide}.md").read_text()
    written = []
    for name, block in BLOCK.findall(text):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"(?m)^   ", "", block))
        written.append(path)
    return written


@pytest.mark.parametrize(("guide", "folder"), GUIDES.items())
def test_the_files_of_a_guide_are_a_folder_whose_examples_hold(
    guide: str, folder: str, tmp_path: Path
) -> None:
    preset, _example = guide_files(guide, tmp_path / "integrations")
    assert preset == tmp_path / "integrations" / folder / "preset.yaml"
    checked = CliRunner().invoke(app, ["check", preset.parent.name, "--policy-dir", str(tmp_path)])
    assert (checked.exit_code, checked.output) == (0, "1 integrations, 1 examples: all hold.\n")
