"""Reads a policy: seven files, from a directory or from texts, into one value or a list of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import BatonError
from shared.policy.integrations import KnownIntegrations
from shared.policy.lint import lint_files
from shared.policy.models import FILES, Policy
from shared.policy.policy_file import PolicyFile
from shared.policy.source_values import FILE_START
from shared.policy.validate import validate_file
from shared.rules.findings import Finding, FindingReport, Severity, did_you_mean, quoted

_POLICY_LIKE = (".yaml", ".yml", ".json")
_UNREAD_MAX = 50


class PolicyInvalid(BatonError):
    """The files are no policy; `findings` are all that was found, warnings too."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        super().__init__("\n".join(map(str, errors)))
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[type[PolicyInvalid], tuple[Sequence[Finding]]]:
        """Let it pass from one process to another."""
        return type(self), (self.findings,)


@dataclass(frozen=True)
class PolicyReading:
    """The policy, or None when a finding is an error; and the findings, by file and position."""

    policy: Policy | None
    findings: tuple[Finding, ...]


def load(source: Path | Mapping[str, str], known: KnownIntegrations | None = None) -> Policy:
    """Return the policy of a directory, or of texts by file name; raises `PolicyInvalid`."""
    reading = read_policy(texts_in(source) if isinstance(source, Path) else source, known)
    if reading.policy is None:
        raise PolicyInvalid(reading.findings)
    return reading.policy


def texts_in(directory: Path) -> dict[str, str]:
    """Return the texts of the policy files in a directory, as far as they are there.

    Raises `PolicyInvalid` for a file that cannot be read.
    """
    texts: dict[str, str] = {}
    for name in FILES:
        try:
            texts[name] = (directory / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            finding = Finding(name, 1, 1, "", f"the file cannot be read: {error}")
            raise PolicyInvalid([finding]) from error
    return texts


def unread_files(directory: Path) -> list[Finding]:
    """Return a warning for each file in a directory that looks like policy and that nobody reads."""
    try:
        names = sorted(file.name for file in directory.iterdir() if file.is_file())
    except OSError:
        return []
    return [
        Finding(
            name[:100],
            1,
            1,
            "",
            f"nobody reads this file; the policy files are {', '.join(FILES)}{_meant(name)}",
            Severity.WARNING,
        )
        for name in names
        if name not in FILES and not name.startswith(".") and name.lower().endswith(_POLICY_LIKE)
    ][:_UNREAD_MAX]


def _meant(name: str) -> str:
    meant = f"{name.rpartition('.')[0]}.yaml".lower()
    return f"; did you mean {quoted(meant)}?" if meant in FILES else ""


def read_policy(texts: Mapping[str, str], known: KnownIntegrations | None = None) -> PolicyReading:
    """Read and check the files, by file name; returns every finding in all of them.

    `known` are the installed integrations. Without them a policy may name any: one that was checked where it
    was put in force is read again in every process.
    """
    findings = [
        Finding(name[:100], 1, 1, "", f"no policy file is named {quoted(name)}{did_you_mean(name, FILES)}")
        for name in texts
        if name not in FILES
    ]
    reports = {name: FindingReport(name) for name in FILES}
    files: dict[str, PolicyFile[Any]] = {}
    for name, model in FILES.items():
        if name not in texts:
            reports[name].error(FILE_START, (), "the file is missing")
            continue
        validated = validate_file(texts[name], model, reports[name])
        if validated is not None:
            files[name] = PolicyFile(*validated, reports[name])
    lint_files(files, known)
    for report in reports.values():
        findings += sorted(report.findings, key=lambda finding: (finding.line, finding.column))
    if any(finding.severity is Severity.ERROR for finding in findings):
        return PolicyReading(None, tuple(findings))
    parts = {name.partition(".")[0]: file.model for name, file in files.items()}
    return PolicyReading(Policy(**parts), tuple(findings))
