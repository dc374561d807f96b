"""Policies in the database, and the watch by which every process loads the active one.

A role reads the policy of its `PolicyWatch` at the start of each unit of work and uses it to the end, so that
one version decides the whole unit. The watch checks for a newer one every second, outside of any unit; the
policy that it returns is complete, compiled and immutable.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import case, false, func, null, select

from shared.errors import Crash, Retry
from shared.health import Health
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.content_hash import shown, version_of
from shared.policy.diff import diff
from shared.policy.integrations import KnownIntegrations
from shared.policy.load import PolicyInvalid, load, texts_in
from shared.policy.tables import policies
from shared.resilience.periodic import repeat
from shared.storage.database import Database, Tx
from shared.storage.write_activity import WriteActivity

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
_CHECK: Final = "policy"
UNAPPLIED: Final = "policy_files"
"""The check whose detail says how the policy files of a process differ from the active policy."""
_START: Final = re.compile("[0-9a-f]{1,64}")


class StoredPolicy(Struct, frozen=True):
    """One version as it is stored. The one with the highest `activation` is active.

    `created` is when it was first applied, `activated` when last; `note` and `changes` are of that time.
    """

    version: str
    files: Mapping[str, str]
    created_at: datetime
    created_by: str
    activation: int
    activated_at: datetime
    activated_by: str
    note: str = ""
    changes: Sequence[str] = ()


class VersionLine(Struct, frozen=True):
    """A version in a list: when it was last applied, and by whom; `files` only where they were asked for."""

    version: str
    activated_at: datetime
    activated_by: str
    files: Mapping[str, str] | None = None


class CheckedPolicy(Struct, frozen=True):
    """Files that form a valid policy, and the version of that policy."""

    version: str
    files: Mapping[str, str]


async def active(tx: Tx) -> StoredPolicy | None:
    """Return the active policy, None when there is none yet."""
    result = await tx.execute(select(policies).order_by(policies.c.activation.desc()).limit(1))
    row = result.mappings().first()
    return None if row is None else StoredPolicy(**row)


async def stored(tx: Tx, version: str) -> StoredPolicy | None:
    """Return one version."""
    result = await tx.execute(select(policies).where(policies.c.version == version))
    row = result.mappings().first()
    return None if row is None else StoredPolicy(**row)


async def beginning_with(tx: Tx, start: str, limit: int) -> list[StoredPolicy]:
    """Return the versions whose name begins so, the last activated first; none for what begins no version."""
    if not _START.fullmatch(start.lower()):
        return []
    statement = select(policies).where(policies.c.version.startswith(start.lower()))
    result = await tx.execute(statement.order_by(policies.c.activation.desc()).limit(limit))
    return [StoredPolicy(**row) for row in result.mappings()]


async def history(tx: Tx, limit: int, *, before: int | None = None) -> list[StoredPolicy]:
    """Return versions by their last activation, the active one first; `before`: only earlier activations."""
    statement = select(policies).order_by(policies.c.activation.desc()).limit(limit)
    if before is not None:
        statement = statement.where(policies.c.activation < before)
    result = await tx.execute(statement)
    return [StoredPolicy(**row) for row in result.mappings()]


async def latest_versions(tx: Tx, limit: int, *, files_of: str = "") -> list[VersionLine]:
    """Return versions by their last activation, the active one first.

    Those whose version begins with `files_of` have their files, unless it is empty.
    """
    columns = (policies.c.version, policies.c.activated_at, policies.c.activated_by)
    is_chosen = policies.c.version.startswith(files_of, autoescape=True) if files_of else false()
    files = case((is_chosen, policies.c.files), else_=null()).label("files")
    statement = select(*columns, files).order_by(policies.c.activation.desc()).limit(limit)
    rows = await tx.execute(statement)
    return [VersionLine(row.version, row.activated_at, row.activated_by, row.files) for row in rows]


async def check_policy(files: Mapping[str, str], known: KnownIntegrations | None = None) -> CheckedPolicy:
    """Check the files; raises `PolicyInvalid`. It takes up to a second: do it before the transaction."""
    texts = dict(files)
    return CheckedPolicy(version_of(await asyncio.to_thread(load, texts, known)), texts)


async def put(
    tx: Tx, new: CheckedPolicy, *, by: str, at: datetime, note: str = "", changes: Sequence[str] = ()
) -> StoredPolicy:
    """Activate a policy; a version that is stored already is activated again, with these texts.

    Activating the active policy with the same texts changes nothing. Raises `Retry` when another policy is
    activated at the same moment.
    """
    present, before = await active(tx), await stored(tx, new.version)
    if present is not None and present.version == new.version and present.files == new.files:
        return present
    policy = StoredPolicy(
        version=new.version,
        files=new.files,
        created_at=before.created_at if before else at,
        created_by=before.created_by if before else by,
        activation=present.activation + 1 if present else 1,
        activated_at=at,
        activated_by=by,
        note=note,
        changes=changes,
    )
    values = asdict(policy)
    if before is None:
        await tx.execute(policies.insert(), values)
    else:
        await tx.execute(policies.update().where(policies.c.version == new.version), values)
    return policy


async def seed(tx: Tx, new: CheckedPolicy, *, at: datetime) -> StoredPolicy:
    """Return the active policy; where there is none, make `new` the first. Raises as `put` does."""
    return await active(tx) or await put(tx, new, by="config", at=at)


async def seed_policy(
    database: Database, directory: Path, at: datetime, known: KnownIntegrations | None = None
) -> None:
    """Apply the files of `directory` where the database holds no policy. Raises `Retry`, `PolicyInvalid`.

    `known` are the installed integrations, which the files may name.
    """
    async with database.read() as tx:
        if await active(tx) is not None:
            return
    first = await check_policy(texts_in(directory), known)
    async with database.begin() as tx:
        await seed(tx, first, at=at)


class PolicyWatch:
    """The active policy of this process. `directory` has the policy files of this machine, if any."""

    def __init__(self, database: Database, directory: Path | None = None) -> None:
        self._directory = directory
        self._database = database
        self._activation = 0
        self._policy: CompiledPolicy | None = None
        self._files: Mapping[str, str] = {}

    def active(self) -> CompiledPolicy:
        """Return the policy for the unit of work that begins now. Raises `Crash` before `start`."""
        if self._policy is None:
            raise Crash("the policy is asked for before it was read; await PolicyWatch.start first")
        return self._policy

    @property
    def current(self) -> CompiledPolicy:
        """The policy that `active` returns."""
        return self.active()

    async def start(self) -> CompiledPolicy:
        """Read the active policy; raises `Retry` while there is none, `PolicyInvalid` if it is no policy."""
        await self.look()
        if self._policy is None:
            raise Retry("the database holds no policy yet")
        return self._policy

    async def look(self) -> bool:
        """Load the active policy if it is a newer one; return whether it is."""
        async with self._database.read() as tx:
            latest = (await tx.execute(select(func.max(policies.c.activation)))).scalar() or 0
            if latest == self._activation:
                return False
            found = await active(tx)
        if found is None:
            return False
        self._policy = await asyncio.to_thread(lambda files: compiled(load(files)), found.files)
        self._activation, self._files = found.activation, found.files
        log.info("policy", version=shown(self._policy.version), activation=found.activation)
        return True

    async def run(self, stop: asyncio.Event, health: Health, activity: WriteActivity | None = None) -> None:
        """Load newer policies until `stop`. One that this code cannot read makes the process not ready.

        Until it is replaced, the policy before it stays in use. With a newer one, readiness says anew whether
        the files of this process are the active policy.
        """

        async def step() -> bool:
            try:
                if await self.look():
                    await self.say_unapplied(health)
            except PolicyInvalid as error:
                raise Retry(f"the active policy cannot be read by this version of Baton: {error}") from error
            return False

        await repeat(_CHECK, step, every_s=LOOK_EVERY_S, stop=stop, health=health, activity=activity)

    async def say_unapplied(self, health: Health) -> None:
        """Say in readiness and in the log if the policy files here differ from the active policy.

        That is no fault: the files are activated by `baton policy apply` only.
        """
        detail = await asyncio.to_thread(self._unapplied)
        if detail:
            log.warning("policy files are not applied", directory=str(self._directory), reason=detail)
        health.set(UNAPPLIED, ok=True, detail=detail)

    def _unapplied(self) -> str:
        """Return in words how the policy files here differ from the active policy; "" if they do not."""
        if self._directory is None or self._policy is None:
            return ""
        try:
            texts = texts_in(self._directory)
            if not texts or texts == self._files:
                return ""
            changes = diff(self._policy.policy, load(texts))
        except PolicyInvalid as error:
            first = next(iter(str(error).splitlines()), "")
            return f"the files in {self._directory} are not applied, and are no valid policy: {first}"
        if not changes:
            return ""
        others = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        return (
            f"the files in {self._directory} have changes that are not applied: {changes[0].path}{others};"
            " see `baton policy diff`, `baton policy apply`"
        )
