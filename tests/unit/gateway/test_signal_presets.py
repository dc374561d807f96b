"""The signal presets that come with Baton: each vendor with examples and steps to set it up, none with a hook."""

from __future__ import annotations

import pytest

from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample

CATALOG = built_in_integrations()
SIGNALS = CATALOG.signals
VENDORS = (
    "lusha", "apollo", "zoominfo", "bombora", "builtwith", "theirstack", "tamradar", "usergems", "explorium",
    "crunchbase", "klipy", "nitrobox", "opt_out_notice",
)  # fmt: skip


def examples_of(vendor: str) -> list[IntakeExample]:
    found = [read_example("signals", file)[0] for file in SIGNALS[vendor].example_files()]
    return [example for example in found if isinstance(example, IntakeExample)]


def test_there_is_a_folder_for_each_vendor_without_any_hook() -> None:
    assert set(VENDORS) <= SIGNALS.keys()
    assert [vendor for vendor in VENDORS if SIGNALS[vendor].preset.hook is not None] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_folder_says_how_it_is_set_up_and_has_examples_of_what_is_taken_and_what_is_not(
    vendor: str,
) -> None:
    preset, examples = SIGNALS[vendor].preset, examples_of(vendor)
    assert 4 <= len(examples) <= 12
    assert preset.note
    assert any("{url}" in step for step in preset.setup)
    outcomes = {name for example in examples for item in example.expect for name in item.model_fields_set}
    assert outcomes & {"signal", "erase", "opt_out"}
    assert outcomes & {"ignore", "refused", "parked"}


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if SIGNALS[vendor].preset.signature is not None]
)
def test_a_vendor_that_signs_has_an_example_with_its_secret(vendor: str) -> None:
    assert any(example.secret for example in examples_of(vendor))


@pytest.mark.parametrize("vendor", ["apollo", "builtwith"])
def test_a_vendor_that_only_answers_is_asked_by_a_provider_that_is_there(vendor: str) -> None:
    poll = SIGNALS[vendor].preset.poll
    assert poll is not None
    assert poll.provider in CATALOG.providers
