"""The live signals of an account, each with the instant at which it lapses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from services.scorer.domain.account import account_data_of
from services.scorer.domain.intent import MatchedFact, live_until, match_signal
from services.scorer.domain.live_signals import live_signals_of
from services.scorer.domain.score import lead_facts
from services.scorer.domain.state import AccountRow
from services.scorer.policy import ScoringPolicy
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.scoring import LiveSignal


class LiveAccountSignal(Struct, frozen=True):
    """A live signal of an account; it lapses at `ends_at`, None: never of itself."""

    signal: LiveSignal
    ends_at: datetime | None


def live_account_signals(
    account: AccountRow, lead: LeadEnrichedV1 | None, at: datetime, policy: ScoringPolicy
) -> list[LiveAccountSignal]:
    """Return the signals of an account that are live at an instant, those with the most points first.

    Rules on signals may ask for facts of a lead: they are those of `lead`, if there is one.
    """
    facts = lead_facts(lead, account_data_of(account, policy.seeds), at, policy) if lead else {}
    live: list[LiveAccountSignal] = []
    for stored in account.signals.values():
        matches = match_signal(stored, facts, at, policy)
        ends_at = _last_end([match for match in matches if match.is_live(at)])
        if not matches:
            ends_at = live_until(stored, policy)
        live += [LiveAccountSignal(one, ends_at) for one in live_signals_of([stored], matches, at, policy)]
    return sorted(live, key=lambda one: (-one.signal.points, -one.signal.at.timestamp(), one.signal.event_id))


def _last_end(matches: Sequence[MatchedFact]) -> datetime | None:
    """Return when the last of these stops being live, expired or worth less than a point; None: never."""
    ends: list[datetime] = []
    for match in matches:
        curve = match.curve
        own = [match.expires_at] if match.expires_at else []
        if curve.ages and curve.values[-1] < 1:
            own.append(match.anchor + curve.ages[-1])
        if not own:
            return None
        ends.append(min(own))
    return max(ends, default=None)
