"""`backtest`: leads a second of a replay in two worlds, against decoding the events that it reads and nothing else.

There is no goal for the ratio: what is aimed at is 100,000 leads in two minutes on one core.
"""

from __future__ import annotations

import time
from typing import Final

from shared.lead.events.envelope import decode_data
from shared.lead.events.registry import BY_NAME
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.generated_month import generated_month, month_policy
from tests.support.lived_history import backtest as replayed

_LEADS: Final = 1_500
_AIM_S: Final = 120
_OF: Final = 100_000


async def backtest(_services: Services) -> Figure:
    """Measure the figure: a month with two changes of the policy, and a candidate with another rule."""
    month = generated_month(_LEADS)
    candidate = month_policy(employees=500, weight=300, countries="JP")
    replayed(month.events[:50], month.policies, candidate, with_scores=False)  # compiles nothing that counts
    details: list[str] = []
    floor = time.process_time()
    for event in month.events:
        decode_data(BY_NAME[event.type], event.raw)
    floor_s = time.process_time() - floor
    ratio = 0.0
    for with_scores in (False, True):
        began = time.process_time()
        replayed(month.events, month.policies, candidate, with_scores=with_scores)
        took_s = time.process_time() - began
        scores = "scored again" if with_scores else "recorded scores"
        whole = took_s / _LEADS * _OF
        details.append(
            f"{_LEADS / took_s:,.0f} leads/s, {scores}; {_OF:,} leads in {whole:,.0f} s (aim: {_AIM_S} s)"
        )
        ratio = ratio or floor_s / took_s
    details.append(f"{len(month.events) / _LEADS:.1f} events a lead")
    return Figure("backtest", round(ratio, 3), None, details)
