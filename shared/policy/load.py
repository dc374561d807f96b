"""Reads a policy: seven files, from a directory or from texts, into one value or a list of problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import BatonError
from shared.policy.bind import bind
from shared.policy.check_lists import check_accounts, check_providers, check_sources
from shared.policy.check_routing import check_routing, check_team
from shared.policy.check_scoring import check_icp, check_scoring
from shared.policy.models import (
    FILES,
    Accounts,
    Icp,
    Policy,
    Providers,
    Routing,
    Scoring,
    Sources,
    Team,
)
from shared.policy.policy_file import File
from shared.rules.document import read_document
from shared.rules.findings import Finding, FindingReport, Severity, SourcePosition, did_you_mean, quoted

_TOP = SourcePosition(1, 1)


class PolicyInvalid(BatonError):
    """The files are no policy; `problems` are all that was found, warnings too."""

    def __init__(self, problems: Sequence[Finding]) -> None:
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        super().__init__("\n".join(map(str, errors)))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Reading:
    """What came of reading: the policy, unless a problem is an error."""

    policy: Policy | None
    problems: tuple[Finding, ...]


def load(source: Path | Mapping[str, str]) -> Policy:
    """Return the policy of a directory, or of texts by file name; raises `PolicyInvalid`."""
    found = read_policy(texts_in(source) if isinstance(source, Path) else source)
    if found.policy is None:
        raise PolicyInvalid(found.problems)
    return found.policy


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
            problem = Finding(name, 1, 1, "", f"the file cannot be read: {error}")
            raise PolicyInvalid([problem]) from error
    return texts


def read_policy(texts: Mapping[str, str]) -> Reading:
    """Read and check the files; says everything that is wrong, in all of them."""
    reports = {name: FindingReport(name) for name in FILES}
    files = {name: _read(texts.get(name), model, reports[name]) for name, model in FILES.items()}
    _check(files)
    problems = [*_unknown_files(texts), *(each for report in reports.values() for each in report.findings)]
    if any(problem.severity is Severity.ERROR for problem in problems):
        return Reading(None, tuple(problems))
    parts = {name.partition(".")[0]: file.model for name, file in files.items() if file is not None}
    return Reading(Policy(**parts), tuple(problems))


def _unknown_files(texts: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(name[:100], 1, 1, "", f"no policy file is named {quoted(name)}{did_you_mean(name, FILES)}")
        for name in texts
        if name not in FILES
    ]


def _read(text: str | None, model: type[Any], report: FindingReport) -> File[Any] | None:
    if text is None:
        report.error(_TOP, (), "the file is missing")
        return None
    node = read_document(text, report)
    if node is None:
        return None
    value, positions = bind(node, model, report)
    return None if value is None else File(value, positions, report)


def _check(files: Mapping[str, File[Any] | None]) -> None:
    """Check every file that could be read, each with those others that it refers to."""
    icp: File[Icp] | None = files["icp.yaml"]
    scoring: File[Scoring] | None = files["scoring.yaml"]
    routing: File[Routing] | None = files["routing.yaml"]
    team: File[Team] | None = files["team.yaml"]
    accounts: File[Accounts] | None = files["accounts.yaml"]
    providers: File[Providers] | None = files["providers.yaml"]
    sources: File[Sources] | None = files["sources.yaml"]
    if icp is not None:
        check_icp(icp)
    if scoring is not None:
        check_scoring(scoring, icp.model if icp else None)
    if routing is not None:
        check_routing(routing, icp.model if icp else None)
    if team is not None:
        check_team(team, routing.model if routing else None)
    if accounts is not None:
        check_accounts(accounts)
    if providers is not None:
        check_providers(providers)
    if sources is not None:
        check_sources(sources)
