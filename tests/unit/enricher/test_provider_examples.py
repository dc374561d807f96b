"""Every example of every folder of providers holds: the request, what the answer means, says and costs."""

from __future__ import annotations

import pytest

from services.enricher.providers.examples import run_provider_example
from services.provider_stubs import golden
from services.provider_stubs.world import SEED, generate
from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import ProviderExample

PROVIDERS = built_in_integrations().providers
VENDORS = (
    "peopledatalabs", "apollo", "hunter", "clearbit", "zerobounce", "millionverifier", "fullenrich", "dropcontact",
    "builtwith", "lusha", "zoominfo", "rocketreach", "meta_graph", "linkedin",
)  # fmt: skip
EXAMPLES = [(vendor, path.name) for vendor in PROVIDERS for path in PROVIDERS[vendor].example_files()]


def example_of(vendor: str, name: str) -> ProviderExample:
    example, findings = read_example("providers", PROVIDERS[vendor].directory / "examples" / name)
    assert findings == []
    assert isinstance(example, ProviderExample)
    return example


def test_there_is_a_folder_for_each_vendor_without_any_hook():
    assert set(VENDORS) <= PROVIDERS.keys()
    assert built_in_integrations().findings == ()
    assert [vendor for vendor in PROVIDERS if PROVIDERS[vendor].preset.hook is not None] == []


@pytest.mark.parametrize(("vendor", "name"), EXAMPLES)
def test_an_example_holds(vendor, name):
    result = run_provider_example(PROVIDERS[vendor].preset, example_of(vendor, name))
    assert list(result.differences) == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_folder_shows_a_match_a_miss_a_limit_and_a_dead_key(vendor):
    shown = [example_of(vendor, name) for other, name in EXAMPLES if other == vendor]
    outcomes = {expected.outcome for example in shown for expected in example.expect}
    assert {"match", "bad_credentials"} <= outcomes
    assert outcomes & {"no_match", "unknown"}
    assert outcomes & {"retry_later", "quota_exhausted"}


def test_no_example_is_about_a_company_of_the_world():
    """Else the stubs would answer about it as in the example instead of from the world."""
    world = generate(SEED, golden.COMPANIES)
    for vendor, name in EXAMPLES:
        example = example_of(vendor, name)
        for question in example.questions or (example.question or {},):
            named = question.get("domain") or str(question.get("email", "")).rpartition("@")[2]
            assert not named or world.find(named) is None
