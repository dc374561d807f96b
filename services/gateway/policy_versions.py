"""Versions and drafts of the policy, as the API and the console read, check, compare and apply them."""

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.audit import AuditTrail
from services.gateway.domain.access import Principal
from services.gateway.domain.arrival import invalid
from services.gateway.queries.policy_drafts import PolicyDraft, delete_draft, find_draft, save_draft
from services.gateway.state import GatewayState
from shared.errors import FieldProblem, Reject, Retry
from shared.integrations.installed import known_integrations
from shared.policy.change_words import changes_in_words
from shared.policy.content_hash import shown, version_of
from shared.policy.load import PolicyInvalid, PolicyReading, load, read_policy
from shared.policy.models import FILES, Policy
from shared.policy.versions import CheckedPolicy, StoredPolicy, active, beginning_with, put, stored
from shared.rules.findings import Finding, Severity
from shared.storage.database import Tx
from shared.web.problem import pointer_step

ACTIVE: Final = "active"
"""In place of a version: the one in force."""
DRAFT: Final = "draft"
"""In place of a version: the draft of the key that asks."""
NOTE_LENGTH_MAX: Final = 500
_NAMED_MAX: Final = 5
"""As many versions are named when a shortened one is ambiguous."""
_CHANGES_MAX: Final = 50
"""As many changes are stored with an activation."""
_DIFF_LINES_MAX: Final = 2_000
_CONTEXT_LINES: Final = 3


class Base(Struct, frozen=True):
    """The version that files began from, and the number of its activation at that time."""

    version: str
    activation: int


class FileDifference(Struct, frozen=True):
    """The lines by which the texts of one file differ, as `diff -u` writes them."""

    file: str
    lines: list[str]


class VersionFiles(Struct, frozen=True):
    """The files of a version or of a draft. `version` is empty where a draft is no valid policy."""

    version: str
    files: Mapping[str, str]
    policy: Policy | None


async def read_files(gateway: GatewayState, files: Mapping[str, str]) -> tuple[Policy, tuple[Finding, ...]]:
    """Return the policy and what was found in it. Raises `Reject` (422) with all problems."""
    reading = await check_files(gateway, files)
    if reading.policy is not None:
        return reading.policy, reading.findings
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    found = invalid(tuple(FieldProblem("/files" + pointer_step(error.file), str(error)) for error in errors))
    found.members = {"problems": reading.findings}
    raise found


async def check_files(gateway: GatewayState, files: Mapping[str, str]) -> PolicyReading:
    """Return the policy, None where the files are none, and every problem. It takes about 0.1 s."""
    return await asyncio.to_thread(read_policy, files, known_integrations(gateway.integrations))


def warnings_in(findings: Sequence[Finding]) -> list[str]:
    """Return the warnings, not the notes, as texts."""
    return [str(finding) for finding in findings if finding.severity is Severity.WARNING]


async def find_policy(gateway: GatewayState, id_: str) -> tuple[StoredPolicy, StoredPolicy | None]:
    """Return the version that is named or begins so, and the one in force. Raises `Reject` (404, 409)."""
    async with gateway.database.read() as tx:
        current = await active(tx)
        found = [current] if id_ == ACTIVE else await beginning_with(tx, id_, _NAMED_MAX + 1)
    if not found or found[0] is None:
        detail = f"No version is named or begins with {id_[:80]!r}; GET /v1/policies lists them"
        raise Reject(404, "unknown-policy", "There is no such version of the policy", detail)
    if len(found) > 1:
        named = ", ".join(shown(one.version) for one in found[:_NAMED_MAX] if one)
        detail = f"{named}{', …' if len(found) > _NAMED_MAX else ''} begin with {id_!r}"
        raise Reject(409, "ambiguous-policy", "Several versions of the policy begin so", detail)
    return found[0], current


async def load_version(
    gateway: GatewayState, principal: Principal, id_: str
) -> tuple[str, Policy, Mapping[str, str]]:
    """Return version, policy and files of a version or of the caller's draft.

    Raises `Reject` (404, 409, 422).
    """
    if id_ == DRAFT:
        files = (await own_draft(gateway, principal)).files
        policy, _findings = await read_files(gateway, files)
        return version_of(policy), policy, files
    found, _current = await find_policy(gateway, id_)
    try:
        policy = await asyncio.to_thread(load, found.files)
    except PolicyInvalid as error:
        title = "The version was written for another release"
        detail = f"This release of Baton cannot read it: {error}"[:500]
        raise Reject(409, "unreadable-policy", title, detail) from error
    return found.version, policy, found.files


async def find_files(gateway: GatewayState, principal: Principal, id_: str) -> VersionFiles:
    """Return a version, or the draft of the caller, whose policy may be None. Raises `Reject` (404, 409)."""
    if id_ == DRAFT:
        return await version_files((await own_draft(gateway, principal)).files)
    found, _current = await find_policy(gateway, id_)
    return await version_files(found.files, found.version)


async def version_files(files: Mapping[str, str], version: str = "") -> VersionFiles:
    """Return files with their policy; `version` is that of stored ones."""
    policy = await asyncio.to_thread(readable, files)
    return VersionFiles(version or (version_of(policy) if policy else ""), files, policy)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[FileDifference]:
    """Return how the texts of files differ, for each file that does; of a file 2,000 lines at most."""
    found = []
    for file in FILES:
        old, new = before.get(file, ""), after.get(file, "")
        if old == new:
            continue
        lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=_CONTEXT_LINES, lineterm=""))
        found.append(FileDifference(file, lines[2 : 2 + _DIFF_LINES_MAX]))  # without the two file names
    return found


def changes_of(before: Policy | None, after: Policy | None) -> list[str]:
    """Return the changes in sentences; none where either is unknown."""
    return changes_in_words(before, after) if before is not None and after is not None else []


async def own_draft(gateway: GatewayState, principal: Principal) -> PolicyDraft:
    """Return the draft of the caller's key. Raises `Reject` (404)."""
    async with gateway.database.read() as tx:
        found = await find_draft(tx, principal.key_id)
    if found is None:
        detail = "PUT /v1/policies/draft makes one"
        raise Reject(404, "unknown-draft", "This key has no draft of the policy", detail)
    return found


async def store_draft(
    gateway: GatewayState, principal: Principal, files: Mapping[str, str], base: Base | None = None
) -> PolicyDraft:
    """Store the caller's draft; files that are not given are those of the version it begins from.

    Without `base` it begins from what the draft before began from, else from the version in force. Raises
    `Reject` (404, 409, 422).
    """
    unknown = [name for name in files if name not in FILES]
    if unknown:
        raise invalid(
            tuple(FieldProblem(f"/files{pointer_step(name[:100])}", "No policy file") for name in unknown)
        )
    async with gateway.database.begin() as tx:
        present, current = await find_draft(tx, principal.key_id), await active(tx)
        if base is not None:
            origin = await stored(tx, base.version)
        else:
            origin = await stored(tx, present.base_version) if present else current
        if origin is None:
            detail = "The version that the draft is based on is gone; GET /v1/policies lists those that exist"
            raise Reject(404, "unknown-policy", "There is no such version of the policy", detail)
        activation = base.activation if base else present.base_activation if present else origin.activation
        draft = PolicyDraft(
            principal.key_id,
            {name: files.get(name, origin.files.get(name, "")) for name in FILES},
            origin.version,
            activation,
            gateway.clock.now(),
        )
        await save_draft(tx, draft)
    return draft


async def discard_draft(gateway: GatewayState, principal: Principal) -> None:
    """Delete the caller's draft, if there is one."""
    async with gateway.database.begin() as tx:
        await delete_draft(tx, principal.key_id)


async def apply_files(
    gateway: GatewayState,
    principal: Principal,
    audit: AuditTrail,
    files: Mapping[str, str],
    *,
    note: str = "",
    base: Base | None = None,
) -> tuple[StoredPolicy, tuple[Finding, ...]]:
    """Put files in force; return the version and what was found in them.

    A draft of the caller that has these files is done with. Raises `Reject` (422) with all problems, (409)
    with the difference where the files began from an activation that is not the last any more, and `Retry`
    when another version is put in force at the same moment.
    """
    policy, findings = await read_files(gateway, files)
    async with gateway.database.read() as tx:
        current = await active(tx)
    before = await asyncio.to_thread(readable, current.files) if current else None
    changes = await asyncio.to_thread(changes_of, before, policy)
    if len(changes) > _CHANGES_MAX:
        changes = [*changes[: _CHANGES_MAX - 1], f"{len(changes) - _CHANGES_MAX + 1} further changes"]
    new = CheckedPolicy(version_of(policy), dict(files))
    async with gateway.database.begin() as tx:
        present = await active(tx)
        if base is not None and present is not None and present.activation != base.activation:
            raise await _outdated(tx, base, present)
        if current and present and current.activation != present.activation:
            raise Retry("another version of the policy was put in force at this moment")
        applied = await put(tx, new, by=principal.key_id, at=gateway.clock.now(), note=note, changes=changes)
        if applied != present:
            previous = present.version if present else None
            await audit.record(tx, "policy.applied", applied.version, note=note, previous=previous)
        draft = await find_draft(tx, principal.key_id)
        if draft is not None and draft.files == new.files:
            await delete_draft(tx, principal.key_id)
    return applied, findings


async def _outdated(tx: Tx, base: Base, present: StoredPolicy) -> Reject:
    """Return the refusal of files that began from a version before the present one, with the difference."""
    origin = await stored(tx, base.version)
    before, after = await asyncio.to_thread(
        lambda: (readable(origin.files) if origin else None, readable(present.files))
    )
    newer = {
        "version": present.version,
        "activation": present.activation,
        "activated_at": present.activated_at,
        "activated_by": present.activated_by,
        "note": present.note,
    }
    return Reject(
        409,
        "newer-policy",
        "A newer version of the policy is in force",
        f"{shown(present.version)} was put in force by {present.activated_by} after these files were begun",
        members={
            "active": newer,
            "changes": await asyncio.to_thread(changes_of, before, after),
            "files": differences(origin.files, present.files) if origin else [],
        },
    )


def readable(files: Mapping[str, str]) -> Policy | None:
    """Return the policy of files; None where they have errors, or were written for another release."""
    try:
        return load(files)
    except PolicyInvalid:
        return None
