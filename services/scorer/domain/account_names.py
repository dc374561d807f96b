"""The names by which accounts are found: they follow from what is known of an account and of its leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.state import AccountNameRow, AccountRow, CompanyMemory, ScoreRow
from services.scorer.domain.subjects import canonical_key
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.matching import CompanyProfile
from shared.lead.matching.account_match import CandidateAccount
from shared.lead.matching.company_facts import places_in_answers, profile_of
from shared.lead.matching.company_names import company_name_of, name_blocks
from shared.lead.matching.name_similarity import compare_names
from shared.storage.change_set import ChangeSet

SEEN_MAX: Final = 3
"""The leads of an account whose word on the company is kept, at most."""
REMEMBERED_MAX: Final = 20
"""The companies that a person put into an account, or took out of it, that are kept, at most; the newest."""

NAMESAKES_MAX: Final = 25
"""The accounts that are read of each key of a name, at most."""

_RECORDED_BLOCK: Final = "told/"
"""Begins the blocks of names that account data states; the value is stored."""
_SEEN_BLOCK: Final = "seen/"


def blocks_of(name: str) -> list[str]:
    """Return the keys of the rows in which accounts of this name are found, recorded names first."""
    compared = company_name_of(name)
    if compared is None:
        return []
    blocks = name_blocks(compared)
    return [*(_RECORDED_BLOCK + block for block in blocks), _SEEN_BLOCK + blocks[0]]


def name_rows(account: AccountRow) -> dict[str, AccountNameRow]:
    """Return the rows of the names of an account, by block. An alias has those of its own names.

    By a name that only leads say, an account is found by close spellings only: whoever may write a form may
    give it one.
    """
    known = account.knowledge
    canonical = canonical_key(account.account, known)
    alias_of = canonical if canonical != account.account else None
    memory = account.company or CompanyMemory()
    recorded = _recorded_profiles(account.own_knowledge if alias_of else known) + memory.confirmed
    seen, relation = [*memory.seen.values()], known.relation if known else None
    row = AccountNameRow("", account.account, recorded, seen, memory.split, relation, alias_of)
    blocks = [block for profile in recorded for block in blocks_of(profile.name)[:-1]]
    blocks += [block for profile in seen for block in blocks_of(profile.name)[-1:]]
    return {block: replace(row, block=block) for block in blocks}


def put_account(changes: ChangeSet, account: AccountRow) -> None:
    """Write an account and the rows of its names, unless they are stored like that already."""
    before = changes.get(AccountRow, account.account)
    if before == account:
        return
    if before is not None and _named_by(before) == _named_by(account):
        changes.put(account)
        return
    # An account of an earlier release has no rows of names yet.
    stored = name_rows(before) if before is not None and before.company is not None else {}
    account = replace(account, company=account.company or CompanyMemory())
    rows = name_rows(account)
    changes.put(account)
    for block, row in rows.items():
        if stored.get(block) != row:
            changes.put(row)
    for block in stored.keys() - rows.keys():
        changes.remove(AccountNameRow, block, account.account)


def lead_profile(lead: LeadEnrichedV1) -> CompanyProfile | None:
    """Return what a lead says of its company, None without the company's name. The phone is the person's.

    Country and phone are in normal form since the merge.
    """
    if not lead.company.name or company_name_of(lead.company.name) is None:
        return None
    city, postcode = places_in_answers(lead.answers)
    country = lead.company.country or lead.person.country
    places = profile_of(lead.company.name, city=city, postcode=postcode)
    return replace(places, country=country, phone=lead.person.phone)


def with_company(account: AccountRow, row: ScoreRow) -> AccountRow:
    """Return the account with what a lead of its own domain says of the company.

    The phone of the person is left out. A few leads suffice: what the others say is not kept, and neither is
    another name than the record of the account has.
    """
    memory = account.company or CompanyMemory()
    lead = row.lead
    is_own = row.account_match is None or row.account_match.account is None
    if lead is None or not is_own or row.account == row.lead_id:
        return account
    if row.lead_id not in memory.seen and len(memory.seen) >= SEEN_MAX:
        return account if account.company is not None else replace(account, company=memory)
    profile = lead_profile(lead)
    if profile is not None:
        profile = replace(profile, phone=None)
    if memory.seen.get(row.lead_id) == profile and account.company is not None:
        return account
    if profile is None or not _may_be_seen(profile, account.knowledge, memory, row.lead_id):
        seen = {lead_id: one for lead_id, one in memory.seen.items() if lead_id != row.lead_id}
    else:
        seen = {**memory.seen, row.lead_id: profile}
    if seen == memory.seen and account.company is not None:
        return account
    return replace(account, company=replace(memory, seen=seen))


def without_company(account: AccountRow, lead_id: str) -> AccountRow:
    """Return the account without what a lead said of the company."""
    if account.company is None or lead_id not in account.company.seen:
        return account
    seen = {one: profile for one, profile in account.company.seen.items() if one != lead_id}
    return replace(account, company=replace(account.company, seen=seen))


def with_decision(account: AccountRow, profile: CompanyProfile | None, *, is_of_account: bool) -> AccountRow:
    """Return the account with what a person decided on a lead that says this of its company."""
    memory = account.company or CompanyMemory()
    if profile is None:
        return account
    company = replace(profile, phone=None)
    confirmed = [one for one in memory.confirmed if one != company]
    split = [one for one in memory.split if one != company]
    (confirmed if is_of_account else split).append(company)
    kept = replace(memory, confirmed=confirmed[-REMEMBERED_MAX:], split=split[-REMEMBERED_MAX:])
    return replace(account, company=kept)


def candidates_in(
    rows: Iterable[AccountNameRow], seeds: Mapping[str, AccountReceivedV1]
) -> list[CandidateAccount]:
    """Return the accounts of these rows, each once; `seeds` say what the policy's files know of accounts."""
    by_account = {row.account: row for row in rows}
    seeded = {key: seeds.get(row.alias_of or key) for key, row in by_account.items()}
    return [
        CandidateAccount(
            key,
            row.profiles,
            row.relation or (known.relation if (known := seeded[key]) else "none"),
            row.split,
            row.seen,
            row.alias_of,
        )
        for key, row in sorted(by_account.items())
    ]


def _named_by(account: AccountRow) -> tuple[object, ...]:
    """Return the parts of an account that its names follow from."""
    return (account.company, account.knowledge, account.own_knowledge)


def _recorded_profiles(known: AccountReceivedV1 | None) -> list[CompanyProfile]:
    if known is None or not known.name:
        return []
    return [profile_of(known.name, known.country, known.city, known.postcode, known.phone)]


def _may_be_seen(
    profile: CompanyProfile, known: AccountReceivedV1 | None, memory: CompanyMemory, lead_id: str
) -> bool:
    """Tell whether what a lead says of the company is news, and not of a company of another name."""
    name = company_name_of(profile.name)
    recorded = _recorded_profiles(known)
    names = [company_name_of(one.name) for one in recorded]
    if name is None or any(one and compare_names(name, one).difference is None for one in names):
        return False
    others = [one for other, one in memory.seen.items() if other != lead_id]
    return not any(
        company_name_of(one.name) == name
        and profile.country in {None, one.country}
        and profile.city in {None, one.city}
        and profile.postcode in {None, one.postcode}
        for one in (*recorded, *memory.confirmed, *others)
    )
