"""How the account of a lead was found, as `explain` and the preview of a match show it. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.matching import AccountMatch, MatchCandidate

MatchedBy = Literal["domain", "alias", "name", "manual", "none"]


class MatchingExplained(Struct, frozen=True):
    """The account of a lead and how it was found; `account` is None where it has none but its own.

    `score` is out of 100 and only of a match by name. `candidates` are the accounts with a close name, the
    best first, with the reason why the lead is of none of the others; `tie_break` says what decided between
    those whose scores are close. `actor` is the key of the person who decided.
    """

    account: str | None
    by: MatchedBy
    score: int | None = None
    candidates: list[MatchCandidate] = []
    tie_break: str | None = None
    actor: str | None = None


def explain_matching(scored: LeadScoredV1, enriched: LeadEnrichedV1 | None) -> MatchingExplained:
    """Return how the account of a scored lead was found; `enriched` has the account of its own domain."""
    by: MatchedBy = "domain"
    match = scored.account_match
    if match is not None and match.by != "none":
        by = match.by
    elif scored.account == scored.lead_id:
        by = "none"
    elif enriched is not None and enriched.account != scored.account:
        by = "alias"
    return matching_of(match, scored.account if scored.account != scored.lead_id else None, by)


def matching_of(match: AccountMatch | None, account: str | None, by: MatchedBy) -> MatchingExplained:
    """Return the account of a lead with what was considered beside it."""
    match = match or AccountMatch("none")
    return MatchingExplained(account, by, match.score, list(match.candidates), match.tie_break, match.actor)
