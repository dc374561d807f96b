"""Matches leads again when the data of an account changes the names by which it is found.

Only leads whose account follows from a name are concerned. They are found by the keys of the names, in
chunks, one per timer, which survive a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from msgspec.structs import replace

from services.scorer.domain.account_names import blocks_of, name_rows
from services.scorer.domain.lead_company_names import OWN_DOMAIN
from services.scorer.domain.lead_matching import match_again
from services.scorer.domain.state import (
    AccountNameRow,
    AccountRow,
    LeadCompanyNameRow,
    RematchChunkRow,
    RematchRow,
    ScoreRow,
)
from services.scorer.domain.subjects import account_keys
from services.scorer.domain.update_score import ROLE, ScoringContext
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.matching import CompanyProfile
from shared.lead.events.parts import Trigger
from shared.lead.matching.account_match import CandidateAccount, rate_candidate
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow

REMATCH: Final = "rematch"
MATCHED_AT_ONCE_MAX: Final = 100
"""The leads that are matched again for one timer, at most."""
NAMES_AT_ONCE_MAX: Final = 1_000
"""The names of leads that are compared for one timer, at most."""

_MICROSECOND = timedelta(microseconds=1)
_SPREAD_US: Final = 100_000


def blocks_to_look_at(rows: Collection[AccountRow], records: Collection[AccountReceivedV1]) -> list[str]:
    """Return the blocks under which leads may be concerned when these accounts get these records."""
    names = {block for row in rows for block in name_rows(row)}
    names.update(block for one in records for block in blocks_of(one.name or ""))
    keys = {key for one in records for key in account_keys(one)}
    return sorted({*map(_lead_block, names), *(OWN_DOMAIN + key for key in keys)})


def schedule_rematch(
    changes: ChangeSet, accounts: Sequence[str], trigger: Trigger, received_at: datetime
) -> None:
    """Match the leads again that the changed names of these accounts concern; the first has the new data.

    A rematch that is in progress begins again, with the names of both. The timer follows from the event, not
    from the clock, so that a replay sets the same; and from its id, as two events may be of one instant.
    """
    changed: dict[tuple[str, str], list[AccountNameRow]] = {}
    for key in accounts:
        before, after = changes.before(AccountRow, key), changes.get(AccountRow, key)
        stored = name_rows(before) if before is not None and before.company is not None else {}
        rows = name_rows(after) if after is not None else {}
        for block in stored.keys() | rows.keys():
            if stored.get(block) != rows.get(block):
                changed[key, block] = [row for row in (stored.get(block), rows.get(block)) if row]
    blocks = {_lead_block(block) for _, block in changed} | {OWN_DOMAIN + key for key in accounts}
    found = [block for block in sorted(blocks) if changes.find(LeadCompanyNameRow, "block", block)]
    if not found:
        return
    profiles = [
        profile for rows in changed.values() for row in rows for profile in (*row.profiles, *row.seen)
    ]
    due_at = received_at + _MICROSECOND * (crc32(trigger.event_id.encode()) % _SPREAD_US)
    in_progress = changes.get(RematchRow, accounts[0])
    if in_progress is not None:
        found = sorted({*found, *in_progress.blocks})
        profiles += in_progress.profiles
        due_at = max(due_at, in_progress.due_at + _MICROSECOND)
    unique = sorted(set(profiles), key=repr)
    _schedule(changes, RematchRow(accounts[0], trigger, found, unique, cursor="", due_at=due_at))


def rematch_chunk(row: RematchRow, names: Mapping[str, Sequence[LeadCompanyNameRow]]) -> RematchChunkRow:
    """Return the next leads of a rematch. `names` has those of leads in each block, in the order of ids.

    Of the first block they are those after the cursor; of each, `NAMES_AT_ONCE_MAX` unless there are no more.
    Blocks after so many names need not be there.
    """
    lead_ids: dict[str, None] = {}
    blocks, cursor, compared = [*row.blocks], row.cursor, 0
    while blocks and compared < NAMES_AT_ONCE_MAX:
        of_block = names[blocks[0]]
        for name in of_block:
            if len(lead_ids) >= MATCHED_AT_ONCE_MAX or compared >= NAMES_AT_ONCE_MAX:
                return RematchChunkRow(row.account, (*lead_ids,), blocks, cursor)
            if _is_concerned(name, row.profiles):
                lead_ids[name.lead_id] = None
            cursor = name.lead_id
            compared += 1
        if len(of_block) < NAMES_AT_ONCE_MAX:
            blocks, cursor = blocks[1:], ""
    return RematchChunkRow(row.account, (*lead_ids,), blocks, cursor)


def handle_rematch_timer(changes: ChangeSet, context: ScoringContext, timer: TimerRow) -> Outcome:
    """Match the next leads of a rematch, then schedule the ones after them or end the rematch."""
    in_progress = changes.get(RematchRow, timer.subject)
    chunk = changes.get(RematchChunkRow, timer.subject)
    if in_progress is None or chunk is None:
        changes.remove(TimerRow, *timer.key)
        return Outcome.UNCHANGED
    rows = (changes.get(ScoreRow, lead_id) for lead_id in chunk.lead_ids)
    emitted = [row for row in rows if row and match_again(changes, context, row, in_progress.trigger)]
    if chunk.blocks:
        # Ids of emitted events are derived from the due time, so each chunk needs its own.
        due_at = in_progress.due_at + _MICROSECOND
        _schedule(changes, replace(in_progress, blocks=chunk.blocks, cursor=chunk.cursor, due_at=due_at))
    else:
        changes.remove(RematchRow, in_progress.account)
        changes.remove(TimerRow, *timer.key)
    return Outcome.APPLIED if emitted else Outcome.UNCHANGED


def _is_concerned(name: LeadCompanyNameRow, profiles: Sequence[CompanyProfile]) -> bool:
    """Tell whether a lead fits one of the names that changed, or was found by its domain."""
    if name.block.startswith(OWN_DOMAIN):
        return True
    rated = rate_candidate(name.profile, CandidateAccount("", profiles))
    return rated is not None and rated.rejected is None


def _lead_block(block: str) -> str:
    """Return the block of leads for a block of accounts, which says whose word a name is."""
    return block.partition("/")[2]


def _schedule(changes: ChangeSet, row: RematchRow) -> None:
    changes.put(row)
    changes.put(TimerRow(subject=row.account, role=ROLE, kind=REMATCH, due_at=row.due_at))
