"""Every example of every form and signal folder is what its vendor's preset makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.gateway.intake.preset_examples import run_example
from shared.integrations.catalog import Folder, built_in_integrations, read_example
from shared.integrations.intake_preset import IntakePreset

CATALOG = built_in_integrations()
FOLDERS: list[Folder[IntakePreset]] = [*CATALOG.forms.values(), *CATALOG.signals.values()]
EXAMPLES = [(folder, path) for folder in FOLDERS for path in folder.example_files()]


def test_every_folder_can_be_read():
    assert [str(finding) for finding in CATALOG.findings] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.kind}/{folder.vendor}")
def test_a_vendor_has_examples_and_names_the_page_that_it_was_written_from(folder):
    assert folder.example_files()
    assert folder.preset.docs.startswith("https://")


@pytest.mark.parametrize(
    ("folder", "path"),
    EXAMPLES,
    ids=[f"{folder.kind}/{folder.vendor}/{path.stem}" for folder, path in EXAMPLES],
)
def test_an_example_becomes_what_it_expects(folder: Folder[IntakePreset], path: Path):
    example, findings = read_example(folder.kind, path)
    assert example is not None, findings
    assert run_example(folder.preset, example).differences == []  # type: ignore[arg-type]


def test_few_vendors_need_a_hook_in_python():
    assert [folder.vendor for folder in FOLDERS if folder.preset.hook is not None] == []
