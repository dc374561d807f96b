"""The values that scoring computes and later events carry: score, lines, live signals, account view."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.parts import Details, Percent, Time, Word


class ScoreLine(Struct, frozen=True):
    """One reason for points. `fact` names what was looked at, `why` is a sentence for people."""

    part: Literal["fit", "intent", "signal"]
    rule: Word
    fact: str
    points: int
    why: str


class Score(Struct, frozen=True):
    """Fit and intent, 0 to 100 each.

    The fit lines sum to `fit`; the intent and signal lines together to `intent` (a cap is a negative
    line of its own). `grade` joins the fit grade A-D and the intent grade 1-4, e.g. `B1`.
    """

    total: Percent
    fit: Percent
    intent: Percent
    grade: Word
    band: Literal["cold", "mql", "sql"]
    segment: Word | None
    lines: list[ScoreLine]


class LiveSignal(Struct, frozen=True):
    """A buying signal with the points that it gives now. `person` is the name of the person it tells of."""

    event_id: Word
    type: Word
    at: Time
    points: int
    strong: bool = False
    person: Word | None = None
    details: Details = {}


class Signals(Struct, frozen=True):
    """The buying signals of the account that are still live; `live` has the strongest first."""

    strong: bool = False
    types: list[Word] = []
    live: Annotated[list[LiveSignal], Meta(max_length=10)] = []


class AccountView(Struct, frozen=True):
    """The account as the scorer knew it at the moment of scoring."""

    relation: Literal["target", "customer", "competitor", "partner", "none"] = "none"
    market: Word | None = None
    market_validated: bool | None = None
    open_opportunity: bool | None = None
    owner: Word | None = None
    people: int = 0
    high_intent_people: int = 0
    medium_intent_people: int = 0
    roles: list[Word] = []
    spike: bool = False
    best_fit_grade: Word | None = None
    qualified: bool = False
