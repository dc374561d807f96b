"""How a lead came to its account, in words for a seller: `matched to Brightloom by name and postcode`."""

from __future__ import annotations

from shared.lead.events.lead_scored import LeadScoredV1


def matching_words(data: LeadScoredV1) -> str:
    """Return how a lead came to its account where that was not by its domain, else an empty text."""
    match, account = data.account_match, data.account
    if match is None or match.account is None or account == data.lead_id:
        return ""
    if match.by == "manual":
        return f"put into {account} by hand"
    taken = next((one for one in match.candidates if one.account == match.account), None)
    facts = ["name", *(taken.facts if taken else [])]
    matched_by = " and ".join(filter(None, (", ".join(facts[:-1]), facts[-1])))
    return f"matched to {taken.name if taken else account} by {matched_by}, {match.score} of 100"
