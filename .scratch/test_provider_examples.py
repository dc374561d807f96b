"""Every example in the folders of data vendors: the request that is made, and what its answers become."""

from __future__ import annotations

import pytest

from services.enricher.providers.examples import run_provider_example
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import ProviderExample

FOLDERS = built_in_integrations().providers
EXAMPLES = [(vendor, path) for vendor, folder in FOLDERS.items() for path in folder.example_files()]


@pytest.mark.parametrize(
    ("vendor", "path"), EXAMPLES, ids=[f"{vendor} {path.stem}" for vendor, path in EXAMPLES]
)
def test_an_example_becomes_what_it_expects(vendor, path):
    example, findings = read_example("providers", path)
    assert isinstance(example, ProviderExample), findings
    assert run_provider_example(FOLDERS[vendor].preset, example).differences == []


@pytest.mark.parametrize("vendor", FOLDERS)
def test_every_vendor_has_an_example_of_each_kind_of_question(vendor):
    examples = [read_example("providers", path)[0] for path in FOLDERS[vendor].example_files()]
    asked = {example.ask for example in examples if isinstance(example, ProviderExample)}
    assert asked == set(FOLDERS[vendor].preset.ask)
