"""The registry: which providers of a policy can be asked, and what a change of the policy keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from services.enricher.provider_client import ProviderClient
from services.enricher.provider_registry import ProviderRegistry
from shared.clock import SystemClock
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import Provider
from shared.rules.times import Duration
from shared.web.egress import EgressPolicy
from tests.support.integrations import PRESETS
from tests.support.waterfall import default_policy

STUB = "http://127.0.0.1:8090/apollo"


def provider(base_url: str = STUB, **terms) -> Provider:
    return Provider(integration="apollo", base_url=base_url, price_cents=8, **terms)


def policy_of(**providers: Provider) -> CompiledPolicy:
    fields = {
        name: waterfall.model_copy(update={"order": tuple(providers)})
        for name, waterfall in default_policy().policy.providers.fields.items()
    }
    return default_policy(providers=providers, fields=fields, decision_aware=False, deadline=Duration(1))


class Registry(ProviderRegistry):
    """A registry whose policy the test replaces."""

    def __init__(
        self, policy: CompiledPolicy, *, allow: str = "127.0.0.0/8", keys: Mapping[str, str]
    ) -> None:
        self.watch = SimpleNamespace(current=policy)
        super().__init__(
            self.watch,  # type: ignore[arg-type]
            PRESETS,
            EgressPolicy.parse(allow),
            SystemClock(),
            Metrics(),
            stubs_url="http://127.0.0.1:8090",
            keys=keys,
        )

    def clients(self) -> Mapping[str, ProviderClient]:
        return self.current.clients  # type: ignore[return-value]


@pytest.fixture
async def make() -> AsyncIterator[Any]:
    made: list[Registry] = []

    def build(policy: CompiledPolicy, *, allow: str = "127.0.0.0/8", **keys: str) -> Registry:
        made.append(Registry(policy, allow=allow, keys=keys))
        return made[-1]

    yield build
    for registry in made:
        await registry.close()


async def test_the_set_is_built_once_per_policy(make):
    registry = make(policy_of(one=provider()))
    assert registry.current is registry.current
    assert list(registry.clients()) == ["one"]
    assert list(registry.current.waterfall.capabilities) == ["one"]


async def test_a_provider_whose_terms_stay_keeps_its_client(make):
    registry = make(policy_of(one=provider(), two=provider()))
    before = registry.clients()
    registry.watch.current = policy_of(one=provider(), two=provider(per_second=3))
    after = registry.clients()
    assert after["one"] is before["one"]
    assert after["two"] is not before["two"]


async def test_a_vendor_without_its_key_is_not_asked(make):
    policy = policy_of(one=provider("https://vendor.example", key_env="VENDOR_KEY"))
    assert not make(policy).clients()
    assert list(make(policy, VENDOR_KEY="secret").clients()) == ["one"]


async def test_the_stubs_take_any_key(make):
    assert list(make(policy_of(one=provider(key_env="VENDOR_KEY"))).clients()) == ["one"]


@pytest.mark.parametrize(
    ("base_url", "allow"),
    [
        ("http://vendor.example", ""),
        ("https://10.0.0.1", ""),
        ("https://169.254.169.254/latest", "127.0.0.0/8"),
        ("https://0x7f000001", ""),
        ("http://127.1:8090", "127.0.0.0/8"),
        (STUB, ""),
        ("ftp://vendor.example", "127.0.0.0/8"),
    ],
)
async def test_a_provider_at_a_forbidden_address_is_not_asked(make, base_url, allow):
    assert not make(policy_of(one=provider(base_url)), allow=allow).clients()


async def test_every_provider_of_the_policy_has_a_state_and_the_reason_for_it(make):
    policy = policy_of(
        asked=provider(),
        keyless=provider("https://vendor.example", key_env="VENDOR_KEY"),
        odd=provider().model_copy(update={"integration": "nobody"}),
        private=provider("https://10.0.0.1"),
    )
    states = make(policy).statuses()
    assert {name: status.state for name, status in states.items()} == {
        "asked": "active",
        "keyless": "no_key",
        "odd": "unusable",
        "private": "unusable",
    }
    assert states["keyless"].reason == "VENDOR_KEY is not set"
    assert states["odd"].reason == "no integration nobody"
    assert states["private"].reason.startswith("base_url: ")


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
async def test_the_stubs_take_any_key_by_every_name_of_this_machine(make, host):
    policy = policy_of(one=provider(f"http://{host}:8090/apollo", key_env="VENDOR_KEY"))
    assert make(policy).statuses()["one"].state == "active"
