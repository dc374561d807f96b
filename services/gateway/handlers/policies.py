"""Policies: what is stored, what is active, and putting another one in force."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from services.gateway.domain.arrival import invalid
from services.gateway.handlers import paging
from services.gateway.handlers.bodies import json_body
from services.gateway.handlers.exchange import Answer, Call, json_answer
from shared.errors import FieldProblem, Reject
from shared.policy.content_hash import version_of
from shared.policy.diff import diff
from shared.policy.load import PolicyInvalid, PolicyReading, load, read_policy
from shared.policy.models import FILES, Policy
from shared.policy.versions import StoredPolicy, active, candidate, history, put, stored
from shared.rules.findings import Finding, Severity

ACTIVE: Final = "active"
"""In place of a version: the one that is in force."""


class NewPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Every policy file by its name, with its text as it was written."""

    files: Annotated[dict[str, str], Meta(max_length=len(FILES))]


class PolicyView(Struct, frozen=True):
    """One version. `created`: when it was first put in force; `activated`: when last."""

    version: str
    active: bool
    created_at: datetime
    created_by: str
    activated_at: datetime
    activated_by: str


class PolicyWithFiles(PolicyView, frozen=True):
    """One version, with its files as they were written."""

    files: Mapping[str, str]


class AppliedPolicy(PolicyView, frozen=True):
    """The version that is in force now; every role runs it within seconds. `warnings` are worth a look."""

    warnings: list[str]


class ValidPolicy(Struct, frozen=True):
    """The files are a policy. `changes`: what it would change of the one in force, by path."""

    version: str
    active: bool
    warnings: list[str]
    changes: list[str]


_new = msgspec.json.Decoder(NewPolicy)


async def list_all(call: Call) -> Answer:
    """Answer with a page of versions, the active one first."""
    size, after = paging.limit(call), paging.after(call)
    if after is not None and not after[1].isdecimal():
        raise Reject(422, "invalid-cursor", "The cursor is not one that was given")
    async with call.gateway.database.read() as tx:
        present = await active(tx)
        found = await history(tx, size + 1, before=int(after[1]) if after else None)
    places = [paging.Place(each.activated_at, str(each.activation)) for each in found]
    return json_answer(200, paging.page([PolicyView(*_seen(each, present)) for each in found], places, size))


async def get_one(call: Call) -> Answer:
    """Answer with one version and its files."""
    version = call.param("id")
    async with call.gateway.database.read() as tx:
        present = await active(tx)
        found = present if version == ACTIVE else await stored(tx, version)
    if found is None:
        raise Reject(404, "unknown-policy", "There is no such version of the policy")
    return json_answer(200, PolicyWithFiles(*_seen(found, present), found.files))


async def validate(call: Call) -> Answer:
    """Tell whether files are a policy, and what it would change."""
    wanted = await json_body(call, _new)
    policy, warnings = await _checked(wanted.files)
    async with call.gateway.database.read() as tx:
        present = await active(tx)
    version = version_of(policy)
    told = ValidPolicy(
        version=version,
        active=present is not None and present.version == version,
        warnings=warnings,
        changes=await asyncio.to_thread(_changes, present, policy),
    )
    return json_answer(200, told)


async def apply(call: Call) -> Answer:
    """Put a policy in force."""
    wanted = await json_body(call, _new)
    _policy, warnings = await _checked(wanted.files)
    new = await candidate(wanted.files)
    by = call.principal.key_id if call.principal else ""
    async with call.gateway.database.begin() as tx:
        applied = await put(tx, new, by=by, at=call.gateway.clock.now())
    return json_answer(201, AppliedPolicy(*_seen(applied, applied), warnings))


async def _checked(files: Mapping[str, str]) -> tuple[Policy, list[str]]:
    """Return the policy and what is doubtful about it. Raises `Reject` (422)."""
    found: PolicyReading = await asyncio.to_thread(read_policy, files)
    if found.policy is None:
        raise invalid(tuple(_errors(found.findings)))
    return found.policy, [str(problem) for problem in found.findings]


def _errors(problems: Iterable[Finding]) -> Iterable[FieldProblem]:
    for problem in problems:
        if problem.severity is Severity.ERROR:
            name = problem.file.replace("~", "~0").replace("/", "~1")
            yield FieldProblem(f"/files/{name}", str(problem))


def _changes(present: StoredPolicy | None, policy: Policy) -> list[str]:
    if present is None:
        return []
    try:
        return [str(change) for change in diff(load(present.files), policy)]
    except PolicyInvalid:
        return []  # what is in force was written for another version of Baton


def _seen(one: StoredPolicy, present: StoredPolicy | None) -> tuple[str, bool, datetime, str, datetime, str]:
    is_active = present is not None and one.version == present.version
    return one.version, is_active, one.created_at, one.created_by, one.activated_at, one.activated_by
