"""The vendors that the stubs play: every folder of providers, the built-in ones and the operator's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import structlog

from services.provider_stubs.vendor_stub import VendorStub
from services.provider_stubs.world import World
from shared.integrations.catalog import Integrations, read_example, read_stub
from shared.integrations.examples import ProviderExample
from shared.integrations.stub_preset import StubPreset
from shared.rules.findings import Finding

log = structlog.get_logger()


class VendorFolders:
    """Makes the stub of a vendor from its folder when it is first called. `names` are the vendors."""

    def __init__(self, world: World, integrations: Integrations) -> None:
        self._world = world
        self._folders = integrations.providers
        self.names = frozenset(self._folders)

    def stub(self, vendor: str) -> VendorStub | None:
        """Return the stub of a vendor; None when there is none of that name."""
        folder = self._folders.get(vendor)
        if folder is None:
            return None
        read = _read_built_in if folder.is_built_in else read_answers
        examples, stub = read(folder.directory)
        return VendorStub(folder.preset, examples, stub, self._world)


def read_answers(directory: Path) -> tuple[tuple[ProviderExample, ...], StubPreset | None]:
    """Return the examples of a folder and how the stubs answer for it; what has an error is left out."""
    stub, findings = read_stub(directory)
    examples: list[ProviderExample] = []
    for path in sorted((directory / "examples").glob("*.yaml")):
        example, found = read_example("providers", path)
        findings = [*findings, *found]
        if isinstance(example, ProviderExample):
            examples.append(example)
    report(directory, findings)
    return tuple(examples), stub


def report(directory: Path, findings: list[Finding]) -> None:
    """Log what is wrong with the files of a vendor."""
    for finding in findings:
        log.warning("a file of a vendor has an error", vendor=directory.name, finding=str(finding))


@lru_cache(maxsize=1_000)
def _read_built_in(directory: Path) -> tuple[tuple[ProviderExample, ...], StubPreset | None]:
    """Return `read_answers` of a folder that does not change while the process runs."""
    return read_answers(directory)
