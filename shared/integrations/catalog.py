"""The integrations of an installation: presets by kind and vendor, read from folders once per process.

An operator's own folders come before the built-in ones: a folder of the same kind and name replaces the
built-in one whole. A folder with an error is left out, with its findings: one bad folder stops no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from shared.integrations.checks import check_intake, check_provider
from shared.integrations.examples import IntakeExample, ProviderExample
from shared.integrations.intake_preset import IntakePreset
from shared.integrations.provider_preset import ProviderPreset
from shared.integrations.stub_preset import StubPreset
from shared.policy.models import PolicyModel
from shared.policy.policy_file import PolicyFile
from shared.policy.validate import validate_file
from shared.rules.findings import Finding, FindingReport, Severity

BUILT_IN: Final = Path(__file__).resolve().parents[2] / "config" / "integrations"
"""In the repository and in the installed package alike."""
PRESET: Final = "preset.yaml"
STUB: Final = "stub.yaml"
FOLDERS_MAX: Final = 1_000
EXAMPLES_MAX: Final = 200
_FORMS, _SIGNALS, _PROVIDERS = KINDS = ("forms", "signals", "providers")

P = TypeVar("P", IntakePreset, ProviderPreset)
M = TypeVar("M", bound=PolicyModel)


@dataclass(frozen=True)
class Folder(Generic[P]):
    """A vendor's folder: its preset, where it is, and the findings about it that are no errors."""

    kind: str
    preset: P
    directory: Path
    findings: tuple[Finding, ...] = ()

    @property
    def vendor(self) -> str:
        return self.preset.vendor

    @property
    def is_built_in(self) -> bool:
        return self.directory.is_relative_to(BUILT_IN)

    @cached_property
    def version(self) -> str:
        """A hash of the preset: what is compiled for it can be kept as long as it is the same."""
        return preset_version(self.directory)

    def example_files(self) -> list[Path]:
        """Return the files of the folder's examples, by name."""
        return sorted((self.directory / "examples").glob("*.yaml"))[:EXAMPLES_MAX]


@dataclass(frozen=True)
class Integrations:
    """All integrations by vendor, and every finding about their folders; errors name what was left out.

    `own` is the operator's directory, and `own_versions` what was in it: see `preset_versions`.
    """

    forms: Mapping[str, Folder[IntakePreset]] = field(default_factory=dict)
    signals: Mapping[str, Folder[IntakePreset]] = field(default_factory=dict)
    providers: Mapping[str, Folder[ProviderPreset]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    own: Path | None = None
    own_versions: Mapping[str, str] = field(default_factory=dict)

    def folders(self) -> Iterator[Folder[Any]]:
        """Yield all folders, by kind and vendor."""
        for folders in (self.forms, self.signals, self.providers):
            yield from (folders[name] for name in sorted(folders))

    def changed_since_read(self) -> list[str]:
        """Return the operator's presets that are new, changed or gone since they were read."""
        present = {} if self.own is None else preset_versions(self.own)
        names = present.keys() | self.own_versions.keys()
        return sorted(name for name in names if present.get(name) != self.own_versions.get(name))


def load_integrations(policy_directory: Path | None = None) -> Integrations:
    """Return the built-in integrations and those in the folder `integrations` of a policy directory."""
    own = None if policy_directory is None else policy_directory.resolve() / "integrations"
    if own is None or own == BUILT_IN:
        return read_integrations([BUILT_IN])
    versions = preset_versions(own)  # before they are read: a change in between is reported, not overlooked
    return replace(read_integrations([own, BUILT_IN]), own=own, own_versions=versions)


def preset_versions(directory: Path) -> dict[str, str]:
    """Return the version of each preset in a directory, by kind and vendor: `forms/acme`."""
    paths = [path for kind in KINDS for path in _folders_in(directory / kind)]
    return {f"{path.parent.name}/{path.name}": version for path in paths if (version := preset_version(path))}


def preset_version(directory: Path) -> str:
    """Return a hash of the preset in a vendor's folder; empty where there is none to read."""
    try:
        return hashlib.sha256((directory / PRESET).read_bytes()).hexdigest()
    except OSError:
        return ""


def read_integrations(directories: Sequence[Path]) -> Integrations:
    """Return the integrations in directories; the first that has a folder of a kind and name wins."""
    findings: list[Finding] = []
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    taken: set[tuple[str, str]] = set()
    for directory in directories:
        for kind in KINDS:
            for path in _folders_in(directory / kind):
                if (kind, path.name) in taken:
                    continue
                taken.add((kind, path.name))
                folder, found = read_folder(kind, path)
                findings += found
                if folder is not None:
                    kinds[kind][path.name] = folder
    return Integrations(kinds[_FORMS], kinds[_SIGNALS], kinds[_PROVIDERS], tuple(findings))


@lru_cache(maxsize=1)
def built_in_integrations() -> Integrations:
    """Return the integrations that come with Baton."""
    return read_integrations([BUILT_IN])


def read_folder(kind: str, directory: Path) -> tuple[Folder[Any] | None, list[Finding]]:
    """Return a vendor's folder, None when its preset has an error, and the findings about it."""
    name = f"{kind}/{directory.name}/{PRESET}"
    report = FindingReport(name)
    model: type[Any] = ProviderPreset if kind == _PROVIDERS else IntakePreset
    file: PolicyFile[Any] | None = _read(directory / PRESET, model, report)
    if file is not None:
        if file.model.vendor != directory.name:
            file.error(("vendor",), f"should be {directory.name}, as the folder")
        if isinstance(file.model, IntakePreset):
            if f"{file.model.kind}s" != kind:
                file.error(("kind",), f"should be {kind.removesuffix('s')}, as the folder is in {kind}")
            check_intake(file)
        else:
            check_provider(file)
    findings = sorted(report.findings, key=lambda finding: (finding.line, finding.column))
    if file is None or report.errors:
        return None, findings
    warnings = tuple(finding for finding in findings if finding.severity is not Severity.ERROR)
    return Folder(kind, file.model, directory, warnings), findings


def read_example(kind: str, path: Path) -> tuple[IntakeExample | ProviderExample | None, list[Finding]]:
    """Return an example of a folder of that kind, None when it has an error, and the findings about it."""
    report = FindingReport(f"{kind}/{path.parent.parent.name}/examples/{path.name}")
    model: type[Any] = ProviderExample if kind == _PROVIDERS else IntakeExample
    file: PolicyFile[Any] | None = _read(path, model, report)
    return None if file is None or report.errors else file.model, report.findings


def read_stub(directory: Path) -> tuple[StubPreset | None, list[Finding]]:
    """Return how the stubs answer for the vendor of a folder, None when it does not say or has an error."""
    report = FindingReport(f"{_PROVIDERS}/{directory.name}/{STUB}")
    if not (directory / STUB).exists():
        return None, []
    file: PolicyFile[Any] | None = _read(directory / STUB, StubPreset, report)
    if file is not None and file.model.vendor != directory.name:
        file.error(("vendor",), f"should be {directory.name}, as the folder")
    return None if file is None or report.errors else file.model, report.findings


def _folders_in(directory: Path) -> Iterable[Path]:
    try:
        found = sorted(path for path in directory.iterdir() if path.is_dir() and path.name[:1] not in "._")
    except OSError:
        return []
    return found[:FOLDERS_MAX]


def _read(path: Path, model: type[M], report: FindingReport) -> PolicyFile[M] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        report.findings.append(Finding(report.file, 1, 1, "", f"the file cannot be read: {error}"))
        return None
    validated = validate_file(text, model, report)
    return None if validated is None else PolicyFile(*validated, report)
