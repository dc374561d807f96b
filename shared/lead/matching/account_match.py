"""Which account a lead is of when its domain does not tell: by a close name and a second fact.

A score is three quarters of how alike the names are plus the points of what else both say. The best candidate
is taken when its score reaches `MATCH_MIN`. A candidate whose score is close to the best is a tie: the order
of their ranks breaks it, or nothing does, and then the lead is matched to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from shared.lead.events.account_received import Relation
from shared.lead.events.matching import (
    CANDIDATES_MAX,
    AccountMatch,
    CompanyProfile,
    MatchCandidate,
    MatchFact,
)
from shared.lead.matching.company_facts import conflicting_facts, shared_facts
from shared.lead.matching.company_names import company_name_of
from shared.lead.matching.name_similarity import compare_names

MATCH_MIN: Final = 82
NAME_MIN: Final = 80
"""How alike names have to be, whatever else agrees."""
TIE_MARGIN: Final = 5
SHOWN_MIN: Final = 55
"""A candidate whose name is less alike is not shown."""
FACT_POINTS: Final[Mapping[MatchFact, int]] = {"phone": 25, "postcode": 22, "city": 15, "country": 10}
FURTHER_FACT_POINTS: Final = 3
FACTS_MAX: Final = 25
_RARE_FACTS: Final[frozenset[MatchFact]] = frozenset({"phone", "postcode"})
_OTHER_FORMS_COST: Final = 6
"""What legal forms of different countries, as GmbH and Ltd, take from a name's score."""

_RANKS: Final[Mapping[Relation, int]] = {"customer": 0, "partner": 1, "target": 2, "competitor": 3, "none": 4}
_SEEN_RANK: Final = 10
"""The rank of an account by what its leads say: whatever its relation, it comes last."""
_RANK_WORDS: Final = {0: "a customer", 1: "a partner", 2: "a target account", 3: "a competitor"}


class CandidateAccount(Struct, frozen=True):
    """An account that a lead may be of.

    `profiles` are what its record and people of ours say of its company, `seen` what leads say who have its
    domain: whoever may write a form may be one of them. `splits` are those of leads that a person said are
    not of this account. An alias is found by its own names; `alias_of` is its account.
    """

    account: str
    profiles: Sequence[CompanyProfile] = ()
    relation: Relation = "none"
    splits: Sequence[CompanyProfile] = ()
    seen: Sequence[CompanyProfile] = ()
    alias_of: str | None = None


def match_account(
    lead: CompanyProfile,
    accounts: Iterable[CandidateAccount],
    *,
    present: str | None = None,
    has_domain: bool = False,
) -> AccountMatch | None:
    """Return the account that a lead is matched to, with the candidates; None where there is none to show.

    `present` is the account that it was matched to before. A lead that `has_domain` of its own, of which no
    account is known, needs more than the country. An account and its aliases are one candidate: the one of
    them that fits best.
    """
    best: dict[str, MatchCandidate] = {}
    kept: str | None = None
    for account in accounts:
        candidate = rate_candidate(lead, account, has_domain=has_domain)
        key = account.alias_of or account.account
        if account.account == present:
            kept = key
        if candidate is not None:
            best[key] = min(best.get(key, candidate), candidate, key=_order_of_candidates)
    present = best[kept].account if kept in best else present
    return choose_candidate(best.values(), present=present) if best else None


def rate_candidate(
    lead: CompanyProfile, account: CandidateAccount, *, has_domain: bool = False
) -> MatchCandidate | None:
    """Return how well a lead fits an account by the best of its profiles; None for quite another name."""
    rated = [
        candidate
        for profiles, rank in ((account.profiles, _RANKS[account.relation]), (account.seen, _SEEN_RANK))
        for profile in profiles
        if (candidate := _rate_profile(lead, account, profile, rank=rank, has_domain=has_domain)) is not None
    ]
    return min(rated, key=lambda one: (*_order_of_candidates(one), one.name), default=None)


def choose_candidate(candidates: Iterable[MatchCandidate], *, present: str | None = None) -> AccountMatch:
    """Return which candidate is taken, if any. The same candidates in any order give the same answer.

    The best candidates are shown, and the one that is taken: of many that are close, another may be taken.
    """
    ordered = sorted(candidates, key=_order_of_candidates)
    accepted = [one for one in ordered if one.rejected is None]
    tied = [one for one in accepted if accepted[0].score - one.score < TIE_MARGIN]
    by_rank = sorted(tied, key=lambda one: (one.rank, -one.score, one.account))
    kept = next((one for one in tied if one.account == present), None)
    if kept is not None and by_rank[0].rank < kept.rank == _SEEN_RANK:
        kept = None  # what a form said gives way to what is recorded of an account
    taken: MatchCandidate | None = None
    tie_break: str | None = None
    if len(tied) == 1:
        taken = tied[0]
    elif kept is not None:
        taken, tie_break = kept, "it was matched to this account before"
    elif tied and by_rank[0].rank == by_rank[1].rank:
        tie_break = f"ambiguous: {len(tied)} accounts are close"
    elif tied:
        taken = by_rank[0]
        why = _RANK_WORDS.get(taken.rank, "the one whose record says so")
        tie_break = f"of {len(tied)} that are close, it is {why}"
    shown = ordered[:CANDIDATES_MAX]
    if taken is None:
        return AccountMatch("none", candidates=shown, tie_break=tie_break)
    if taken not in shown:
        shown = [*shown[:-1], taken]
    return AccountMatch("name", taken.account, taken.score, shown, tie_break)


def _order_of_candidates(one: MatchCandidate) -> tuple[bool, int, int, str]:
    return (one.rejected is not None, -one.score, one.rank, one.account)


def _rate_profile(
    lead: CompanyProfile, account: CandidateAccount, profile: CompanyProfile, *, rank: int, has_domain: bool
) -> MatchCandidate | None:
    names = company_name_of(lead.name), company_name_of(profile.name)
    if names[0] is None or names[1] is None:
        return None
    similarity = compare_names(names[0], names[1], lead.city, profile.city)
    if similarity.score < SHOWN_MIN:
        return None
    name_score = similarity.score
    countries = names[0].countries, names[1].countries
    if all(countries) and countries[0].isdisjoint(countries[1]):
        name_score = max(0, name_score - _OTHER_FORMS_COST)
    facts = shared_facts(lead, profile)
    conflicts = conflicting_facts(lead, profile)
    if conflicts and not {"phone", "postcode", "city"}.intersection(facts):
        facts = []  # the country alone says nothing of a company in another city of it
    points = FACT_POINTS[facts[0]] + FURTHER_FACT_POINTS * (len(facts) - 1) if facts else 0
    score = min(100, name_score * 3 // 4 + min(FACTS_MAX, points))
    reasons = {
        "a person said that this company is another one": any(
            _is_same_company(lead, split) for split in account.splits
        ),
        similarity.why: similarity.difference is None,
        f"another {' and '.join(conflicts)}": bool(conflicts) and not facts,
        "nothing but the name agrees": not facts,
        "the name says what many companies do, and no phone or postcode agrees": not similarity.distinctive
        and _RARE_FACTS.isdisjoint(facts),
        "its domain is another one, and only the country agrees": has_domain and facts == ["country"],
        f"{similarity.difference}: that needs more than {' and '.join(facts)}": score < MATCH_MIN
        or similarity.score < NAME_MIN,
    }
    return MatchCandidate(
        account=account.account,
        name=profile.name,
        score=score,
        name_score=name_score,
        facts=facts,
        rank=rank,
        rejected=next((reason for reason, applies in reasons.items() if applies), None),
    )


def _is_same_company(lead: CompanyProfile, other: CompanyProfile) -> bool:
    """Tell whether a lead has the name of another one and a fact in common with it, or neither has any."""
    names = company_name_of(lead.name), company_name_of(other.name)
    if names[0] is None or names[1] is None or names[0].words != names[1].words:
        return False
    return bool(shared_facts(lead, other)) or not conflicting_facts(lead, other)
