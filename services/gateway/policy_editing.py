"""What the policy editor of the console works with: the draft of a key, checked, and the policy in force."""

import asyncio
from collections.abc import Mapping

from msgspec import Struct

from services.gateway.domain.access import Principal
from services.gateway.policy_versions import (
    Base,
    FileDifference,
    changes_of,
    check_files,
    differences,
    discard_draft,
    readable,
    store_draft,
)
from services.gateway.queries.policy_drafts import PolicyDraft, find_draft
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.policy.load import PolicyReading
from shared.policy.models import FILES
from shared.policy.versions import StoredPolicy, active, stored


class NewerPolicy(Struct, frozen=True):
    """What the version in force changed since a draft was begun, by sentences and by lines."""

    changes: list[str]
    files: list[FileDifference]


class PolicyState(Struct, frozen=True):
    """The policy in force, the caller's draft if there is one, and the check of what is edited.

    `begun` are the files that the draft began from, and `changes` what it changes of them. `newer` is set
    where those are not in force any more.
    """

    active: StoredPolicy
    draft: PolicyDraft | None
    begun: Mapping[str, str]
    reading: PolicyReading
    changes: list[str]
    newer: NewerPolicy | None

    @property
    def files(self) -> Mapping[str, str]:
        """The files that are edited."""
        return self.draft.files if self.draft else self.active.files

    @property
    def base(self) -> Base:
        """What these files began from."""
        if self.draft:
            return Base(self.draft.base_version, self.draft.base_activation)
        return Base(self.active.version, self.active.activation)


async def policy_state(gateway: GatewayState, principal: Principal) -> PolicyState:
    """Return what the caller edits. Raises `Reject` (404) while there is no policy."""
    async with gateway.database.read() as tx:
        current, draft = await active(tx), await find_draft(tx, principal.key_id)
        outdated = draft is not None and current is not None and draft.base_activation != current.activation
        origin = await stored(tx, draft.base_version) if draft is not None and outdated else None
    if current is None:
        raise Reject(404, "unknown-policy", "There is no policy yet")
    reading = await check_files(gateway, draft.files if draft else current.files)
    changes, newer = await asyncio.to_thread(_compared, current, draft, reading, origin)
    return PolicyState(current, draft, origin.files if origin else current.files, reading, changes, newer)


def _compared(
    current: StoredPolicy, draft: PolicyDraft | None, reading: PolicyReading, origin: StoredPolicy | None
) -> tuple[list[str], NewerPolicy | None]:
    """Return what the draft changes, and what has been changed since it was begun from `origin`."""
    if draft is None:
        return [], None
    present = readable(current.files)
    if draft.base_activation == current.activation:
        return changes_of(present, reading.policy), None
    before = origin.files if origin is not None else {}
    begun = readable(before)
    newer = NewerPolicy(changes_of(begun, present), differences(before, current.files) if before else [])
    return changes_of(begun, reading.policy), newer


async def save_file(
    gateway: GatewayState, principal: Principal, file: str, text: str, base: Base
) -> PolicyState:
    """Store one file of the caller's draft, which began from `base`; return the state after that.

    A draft that says what is in force is none. Raises `Reject` (404, 422).
    """
    if file not in FILES:
        raise Reject(404, "unknown-file", "There is no such policy file", f"There are {', '.join(FILES)}")
    async with gateway.database.read() as tx:
        draft = await find_draft(tx, principal.key_id)
        current = await active(tx)
    files = {**(draft.files if draft else {}), file: text}
    begun = Base(draft.base_version, draft.base_activation) if draft else base
    in_force = current.files if current is not None and begun.activation == current.activation else {}
    if all(in_force.get(name) == written for name, written in files.items()):
        await discard_draft(gateway, principal)
    else:
        await store_draft(gateway, principal, files, begun)
    return await policy_state(gateway, principal)


async def rebase_draft(gateway: GatewayState, principal: Principal) -> None:
    """Let the caller's draft begin from the version in force.

    Files that the draft left as they were become those in force; the others stay as they are written.
    """
    async with gateway.database.read() as tx:
        current, draft = await active(tx), await find_draft(tx, principal.key_id)
        origin = await stored(tx, draft.base_version) if draft else None
    if current is None or draft is None:
        return
    before = origin.files if origin else {}
    own = {name: text for name, text in draft.files.items() if text != before.get(name)}
    await store_draft(gateway, principal, own, Base(current.version, current.activation))
