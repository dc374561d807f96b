"""The live signals of an account one by one, for whoever reads a score, and the one that made it rise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from services.scorer.domain.intent import MatchedFact, live_until
from services.scorer.domain.score import ScoreResult
from services.scorer.domain.state import ScoreRow, StoredSignal
from services.scorer.policy import ScoringPolicy
from shared.lead.events.parts import Trigger
from shared.lead.events.scoring import LiveSignal

LIVE_MAX: Final = 10
"""The live signals that a score names, at most; the strongest ones."""
DETAILS_BYTES_MAX: Final = 2_000
"""The details of a live signal as JSON, at most; the first ones."""
_NAMES_OF_PERSON: Final = ("person", "name", "full_name", "executive", "contact")
"""The details, in order, that may name the person whom a signal is about."""
_ABOUT_PEOPLE: Final = frozenset({"executive_hire", "job_change"})
_WORD_MAX: Final = 200

_encode = msgspec.json.Encoder().encode


def live_signals_of(
    signals: Iterable[StoredSignal],
    matched: Iterable[MatchedFact],
    at: datetime,
    policy: ScoringPolicy,
    *,
    news: Trigger | None = None,
) -> list[LiveSignal]:
    """Return the live signals among those of an account, the one with the most points first.

    At most `LIVE_MAX` are named, among them the one that is the `news` in any case. Of equals a strong one is
    first, then the newer one. `points` are those of all rules that a signal matches, before any cap; a signal
    that no rule counts has none (see `live_until`).
    """
    matches: dict[int, list[MatchedFact]] = {}
    for match in matched:
        matches.setdefault(id(match.signal), []).append(match)
    live: list[LiveSignal] = []
    for signal in signals:
        own = matches.get(id(signal), ())
        counted = [match for match in own if match.is_live(at)]
        until = None if own else live_until(signal, policy)
        if not counted and (until is None or at >= until):
            continue
        names = _NAMES_OF_PERSON if signal.type in _ABOUT_PEOPLE else ()
        named = (name for key in names if isinstance(name := signal.details.get(key), str))
        live.append(
            LiveSignal(
                event_id=signal.event_id,
                type=signal.type,
                at=signal.occurred_at,
                points=sum(match.points(at) for match in counted),
                strong=any(match.rule.strong for match in counted),
                person=next((name[:_WORD_MAX] for name in named if name.strip()), None),
                details=_bounded(signal.details),
            )
        )
    live.sort(key=lambda one: (-one.points, not one.strong, -one.at.timestamp(), one.event_id))
    weaker = [one for one in live[LIVE_MAX:] if news is not None and one.event_id == news.event_id]
    return [*live[: LIVE_MAX - len(weaker)], *weaker]


def trigger_and_news(
    row: ScoreRow, result: ScoreResult, trigger: Trigger, at: datetime
) -> tuple[Trigger, Trigger | None]:
    """Return the trigger of a score and the last news about its lead; `row` has the last published score.

    What the passing of time changes is decay, unless a signal whose rule rises to a day became live or gives
    more points than it did: then that signal is the trigger, as it is news to the seller.
    """
    if trigger.kind == "decay":
        grew = row.score is not None and result.score.intent > row.score.intent
        new_types = {*result.signals.types} - {*row.signals.types}
        rising = [
            (match.points(at), match.signal.event_id, match.type)
            for match in result.matches.signals
            if isinstance(match.signal, StoredSignal)
            and match.rule.rises is not None
            and match.is_live(at)
            and (grew or match.type in new_types)
        ]
        if rising:
            _points, event_id, type_ = max(rising)
            trigger = Trigger("signal", event_id, type_)
    known = row.lead.trigger if row.lead else None
    return trigger, next((one for one in (trigger, known) if one is not None and one.is_news), None)


def _bounded(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first details within the bound; what is nested more than once is left out."""
    kept: dict[str, Any] = {}
    left = DETAILS_BYTES_MAX
    for name, value in details.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            continue
        left -= len(_encode({name: value}))
        if left < 0:
            break
        kept[name] = value
    return kept
