"""The values that tell which account a lead was matched to: the candidates, their scores and the choice."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.parts import Percent, Text, Word

MatchFact = Literal["phone", "postcode", "city", "country"]

CANDIDATES_MAX = 5
"""The candidates that are shown, at most; the best ones."""


class CompanyProfile(Struct, frozen=True, omit_defaults=True):
    """What a lead or an account says of its company, as far as companies are compared by it.

    `country` is ISO 3166 alpha-2, `phone` E.164.
    """

    name: Word
    country: Word | None = None
    city: Word | None = None
    postcode: Word | None = None
    phone: Word | None = None


class MatchCandidate(Struct, frozen=True, omit_defaults=True):
    """An account whose name is like that of the lead's company.

    `name_score` tells how alike the names are, `facts` what else both say; `score` is made of both.
    `rank` orders accounts whose scores are close: customers, partners and targets, then others, and last
    those whose name only their leads say. `rejected` says why the lead cannot be of this account.
    """

    account: Word
    name: Word
    score: Percent
    name_score: Percent
    facts: list[MatchFact] = []
    rank: int = 0
    rejected: Text | None = None


class AccountMatch(Struct, frozen=True, omit_defaults=True):
    """Which account a lead was matched to other than by its domain, and which others were considered.

    `by` is `manual` where a person decided. Without `account` the lead stays an account of its own, or the
    one that its domain gives. `tie_break` says what decided between candidates whose scores are close.
    """

    by: Literal["name", "manual", "none"]
    account: Word | None = None
    score: Percent | None = None
    candidates: Annotated[list[MatchCandidate], Meta(max_length=CANDIDATES_MAX)] = []
    tie_break: Text | None = None
    actor: Word | None = None
