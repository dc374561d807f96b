"""`score`: the pure scoring decision of a lead with 20 activities and a signal, under the default policy.

There is no floor: what is aimed at is a time, so the ratio is that time over the time it takes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from services.scorer.domain.fit import score_fit
from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.score import ScoringSubject, compute_score, lead_facts
from services.scorer.policy import scoring_policy
from shared.policy.compiled import compiled
from shared.policy.load import load
from tests.bench.figure import Figure, microseconds
from tests.bench.services import Services
from tests.support.enriched_leads import AT, did, enriched_lead, signal

_AIM_US: Final = 60
_TIMES: Final = 1_000
_TYPES: Final = (
    *["page_view"] * 10,
    *["pricing_view"] * 4,
    *["content_download"] * 3,
    "webinar",
    "demo_request",
    "email_click",
)


async def score(_services: Services) -> Figure:
    """Measure the figure: facts, fit, intent with its lines, live signals, grades and band."""
    policy = scoring_policy(compiled(load(Path("config"))))
    activities = [
        did(
            type_,
            timedelta(hours=7 * at + 1),
            url=f"https://www.example.com/{'blog' if at % 4 else 'pricing'}",
        )
        for at, type_ in enumerate(_TYPES)
    ]
    subject = ScoringSubject(enriched_lead(), activities, [signal()])
    now = compute_score(subject, AT, policy)
    assert (now.score.grade, len(subject.activities)) == ("A1", 20)
    facts = lead_facts(subject.lead, None, AT, policy)
    whole = microseconds(_TIMES, lambda: compute_score(subject, AT, policy))
    parts = {
        "facts": microseconds(_TIMES, lambda: lead_facts(subject.lead, None, AT, policy)),
        "fit": microseconds(_TIMES, lambda: score_fit(facts, AT, policy)),
        "when it changes next, after it": microseconds(
            _TIMES, lambda: next_change_at(subject, now, AT, policy)
        ),
    }
    details = [
        f"{whole:.1f} us a decision with {len(now.score.lines)} lines (aim: {_AIM_US} us)",
        ", ".join(f"{name} {cpu_us:.1f} us" for name, cpu_us in parts.items()),
    ]
    return Figure("score", round(_AIM_US / whole, 3), None, details)
