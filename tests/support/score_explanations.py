"""Explanations of scores that a test computes, in place of those that an event has."""

from __future__ import annotations

from datetime import datetime

from services.scorer.domain.explain import ScoreExplanation, explain_result
from services.scorer.domain.score import ScoringSubject, compute_score
from services.scorer.policy import ScoringPolicy
from shared.lead.events.scoring import AccountView


def explain_score(
    subject: ScoringSubject, at: datetime, policy: ScoringPolicy, view: AccountView | None = None
) -> ScoreExplanation:
    """Return why a lead has its score at an instant; with its account, also why that is qualified or not."""
    result = compute_score(subject, at, policy)
    caps = [line for line in result.score.lines if line.points < 0]
    return explain_result(subject, result, at, policy, lines=caps, view=view)
