"""The versions of the policy: who put them in force, why, and how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from services.gateway.console.views.policy import PolicyHeader
from services.gateway.policy_versions import FileDifference
from shared.policy.content_hash import shown
from shared.policy.versions import StoredPolicy

_LINES_MAX: Final = 400

LineKind = Literal["added", "removed", "place", "same"]


class VersionRow(Struct, frozen=True):
    """A version as it was put in force last."""

    version: str
    short: str
    active: bool
    at: datetime
    by: str
    note: str
    changes: Sequence[str]
    more_changes: int
    before: str | None


class DiffLine(Struct, frozen=True):
    """A line of a comparison: in both texts, in one of them, or the place where the next lines are."""

    kind: LineKind
    text: str


class DiffFile(Struct, frozen=True):
    """A file that differs; `more` lines are left out."""

    file: str
    lines: list[DiffLine]
    more: int


class Comparison(Struct, frozen=True):
    """How one version differs from another, by sentences (none where a draft has errors) and by lines."""

    before: str
    after: str
    before_name: str
    after_name: str
    changes: list[str]
    files: list[DiffFile]


class VersionsView(Struct, frozen=True):
    """The tab. `applied` is the version that was put in force just now; `next` the address of older ones."""

    header: PolicyHeader
    rows: list[VersionRow]
    choices: list[tuple[str, str]]
    comparison: Comparison | None
    applied: str
    next: str | None


def version_rows(
    found: Sequence[StoredPolicy], limit: int, current: str | None, names: Mapping[str, str]
) -> list[VersionRow]:
    """Return the rows of at most `limit` versions; `found` may have one more, which is before the last."""
    shown_changes = 6
    return [
        VersionRow(
            version=policy.version,
            short=shown(policy.version),
            active=policy.version == current,
            at=policy.activated_at,
            by=names.get(policy.activated_by, policy.activated_by),
            note=policy.note,
            changes=policy.changes[:shown_changes],
            more_changes=max(0, len(policy.changes) - shown_changes),
            before=found[at + 1].version if at + 1 < len(found) else None,
        )
        for at, policy in enumerate(found[:limit])
    ]


def diff_file(difference: FileDifference) -> DiffFile:
    """Return the lines of a difference, 400 at most."""
    kinds: Mapping[str, LineKind] = {"+": "added", "-": "removed", "@": "place"}
    lines = [
        DiffLine(kinds.get(line[:1], "same"), line[1:] if line[:1] in "+- " else line)
        for line in difference.lines[:_LINES_MAX]
    ]
    return DiffFile(difference.file, lines, max(0, len(difference.lines) - _LINES_MAX))
