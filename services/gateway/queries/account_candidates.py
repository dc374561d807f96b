"""The accounts that a lead may be of, from the scorer's tables."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.queries.accounts import find_account
from services.scorer.domain.account_names import NAMESAKES_MAX, blocks_of, candidates_in
from services.scorer.domain.state import AccountNameRow
from services.scorer.tables import account_names
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.matching.account_match import CandidateAccount
from shared.storage.database import Tx
from shared.storage.statements import first_of_each, members


async def account_of_domain(tx: Tx, key: str, seeds: Mapping[str, AccountReceivedV1]) -> str | None:
    """Return the account that a domain stands for, None as long as nothing is known of it."""
    row = await find_account(tx, key)
    if row is not None and (row["knowledge"] is not None or row["leads"]):
        account: str = row["account"]
        return account
    return key if key in seeds else None


async def accounts_of_name(
    tx: Tx, name: str, seeds: Mapping[str, AccountReceivedV1]
) -> list[CandidateAccount]:
    """Return the accounts that have a name like this one, a bounded number."""
    blocks = blocks_of(name)
    by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
    found = await tx.execute(by_block, {"members": members(tx.dialect, blocks)})
    return candidates_in([AccountNameRow(**row) for row in found.mappings()], seeds)
