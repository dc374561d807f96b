"""The intent of a lead over time as SVG: how it went, how it will go, and when a grade is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from services.gateway.console import words
from services.scorer.domain.curve import AHEAD, BACK, CurvePoint, GradeChange, ScoreCurve

WIDTH: Final = 660
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 30.0, 650.0, 16.0, 160.0
_WEEKS: Final = range(-1, 7)
_CHANGES_MAX: Final = 4


class Mark(Struct, frozen=True):
    """A label at a point of the picture."""

    x: float
    y: float
    text: str


class CurveView(Struct, frozen=True):
    """The picture, and in words what it says. Paths are of the SVG's `d`; `past` is solid, `ahead` dashed."""

    headline: str
    past: str
    ahead: str
    area: str
    floors: Sequence[Mark]
    losses: Sequence[Mark]
    days: Sequence[Mark]
    now: float


def curve_view(curve: ScoreCurve) -> CurveView:
    """Return the picture of a curve."""
    past = [point for point in curve.points if point.at <= curve.now]
    ahead = [point for point in curve.points if point.at >= curve.now]
    losses = [change for change in curve.changes if change.is_loss][:_CHANGES_MAX]
    line = _line(curve.points, curve.now)
    return CurveView(
        headline=_headline(losses),
        past=f"M{_line(past, curve.now)}",
        ahead=f"M{_line(ahead, curve.now)}",
        area=f"M{_LEFT},{_BOTTOM}L{line}L{_RIGHT},{_BOTTOM}Z",
        floors=[
            Mark(_RIGHT, _y(floor.reached), f"grade {floor.grade[-1]}")
            for floor in curve.floors
            if 0 < floor.reached <= 100
        ],
        losses=[
            Mark(
                _x(change.at, curve.now),
                _y(change.intent),
                f"{change.at.day} {change.at:%b}: {change.grade[-1]}",
            )
            for change in losses
        ],
        days=[
            Mark(_x(curve.now + timedelta(weeks=week), curve.now), HEIGHT - 10.0, _day(week))
            for week in _WEEKS
        ],
        now=_x(curve.now, curve.now),
    )


def _headline(losses: Sequence[GradeChange]) -> str:
    if not losses:
        return "keeps its grade for the next 45 days"
    first = losses[0]
    return f"falls to grade {first.grade[-1]} on {words.day(first.at)} if nothing else happens"


def _line(points: Iterable[CurvePoint], now: datetime) -> str:
    return " ".join(f"{_x(point.at, now):.1f},{_y(point.intent):.1f}" for point in points)


def _x(at: datetime, now: datetime) -> float:
    """Return the place of an instant between the edges, from `BACK` before now to `AHEAD` after it."""
    share = (at - (now - BACK)) / (BACK + AHEAD)
    return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, share)), 1)


def _y(intent: int) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * intent / 100, 1)


def _day(week: int) -> str:
    return "now" if week == 0 else f"{week * 7:+d} d"
