"""Rules and scores: the header of its tabs, and the tab where files are edited and applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from services.gateway.policy_editing import NewerPolicy, PolicyState
from services.gateway.policy_versions import Base
from shared.policy.content_hash import shown
from shared.policy.models import FILES
from shared.policy.versions import StoredPolicy
from shared.rules.findings import Finding, Severity

PolicyTab = Literal["edit", "try", "preview", "versions"]


class PolicyHeader(Struct, frozen=True):
    """What every tab shows: the version in force, and what may be done with the caller's draft.

    `changed` are the files that the draft changes. `blocked` says why it cannot be applied now.
    """

    tab: PolicyTab
    version: str
    has_draft: bool
    saved_at: datetime | None
    changed: list[str]
    is_admin: bool
    blocked: str


class FileTab(Struct, frozen=True):
    """A file: whether it is shown, whether the draft changes it, and how many errors it has."""

    file: str
    name: str
    current: bool
    changed: bool
    errors: int


class ProblemLine(Struct, frozen=True):
    """A problem, and where a click leads."""

    file: str
    line: int
    column: int
    path: str
    severity: Severity
    message: str

    @property
    def href(self) -> str:
        return f"/policy?file={self.file}&line={self.line}"


class CheckView(Struct, frozen=True):
    """The tabs of the files, the problems of the draft by severity, and what it changes by sentences."""

    header: PolicyHeader
    file: str
    tabs: list[FileTab]
    errors: list[ProblemLine]
    warnings: list[ProblemLine]
    notes: list[ProblemLine]
    changes: list[str]
    newer: NewerPolicy | None
    active: StoredPolicy
    active_by: str
    base: Base


class EditView(Struct, frozen=True):
    """One file in the editor. `line` is where the cursor goes, 0 for nowhere."""

    check: CheckView
    text: str
    line: int

    @property
    def header(self) -> PolicyHeader:
        return self.check.header


def policy_header(state: PolicyState, tab: PolicyTab, *, is_admin: bool) -> PolicyHeader:
    """Return the header of a tab."""
    if not is_admin:
        blocked = "An administrator's key applies a policy"
    elif state.draft is None:
        blocked = "There is nothing to apply"
    elif state.reading.policy is None:
        blocked = "The draft has errors"
    elif state.newer is not None:
        blocked = "A newer version is in force"
    else:
        blocked = ""
    return PolicyHeader(
        tab=tab,
        version=shown(state.active.version),
        has_draft=state.draft is not None,
        saved_at=state.draft.saved_at if state.draft else None,
        changed=[_name(file) for file in FILES if _is_changed(state, file)],
        is_admin=is_admin,
        blocked=blocked,
    )


def check_view(state: PolicyState, file: str, active_by: str, *, is_admin: bool) -> CheckView:
    """Return what the check of the draft found."""
    problems = [problem_line(finding) for finding in state.reading.findings]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    return CheckView(
        header=policy_header(state, "edit", is_admin=is_admin),
        file=file,
        tabs=[
            FileTab(
                name,
                _name(name),
                name == file,
                _is_changed(state, name),
                sum(error.file == name for error in errors),
            )
            for name in FILES
        ],
        errors=errors,
        warnings=[problem for problem in problems if problem.severity is Severity.WARNING],
        notes=[problem for problem in problems if problem.severity is Severity.NOTE],
        changes=state.changes,
        newer=state.newer,
        active=state.active,
        active_by=active_by,
        base=state.base,
    )


def _is_changed(state: PolicyState, file: str) -> bool:
    return state.files.get(file, "") != state.begun.get(file, "")


def _name(file: str) -> str:
    return file.removesuffix(".yaml")


def problem_line(finding: Finding) -> ProblemLine:
    """Return a problem as a line of the list."""
    return ProblemLine(
        finding.file, finding.line, finding.column, finding.path, finding.severity, finding.message
    )


class MoveLine(Struct, frozen=True):
    """Leads that a preview saw go from one queue to another."""

    leads: int
    before: str
    after: str
    rules: str


class PreviewSummary(Struct, frozen=True):
    """The newest preview of a version that is done."""

    id: str
    finished_at: datetime
    leads: int
    moved: int
    largest: list[MoveLine]


class ApplyView(Struct, frozen=True):
    """What is applied: the caller's draft, or an earlier version. It is asked once, and wants a note."""

    header: PolicyHeader
    source: str
    version: str
    base: Base
    changes: list[str]
    errors: Sequence[ProblemLine]
    warnings: Sequence[ProblemLine]
    preview: PreviewSummary | None
    newer: NewerPolicy | None
    active: StoredPolicy
    active_by: str
    note: str = ""
    fault: str = ""
