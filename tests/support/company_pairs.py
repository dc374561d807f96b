"""Pairs of company names with second facts, labelled by hand: one company, or two (`tests/data/company_pairs.csv`)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from shared.lead.events.matching import CompanyProfile
from shared.lead.matching.account_match import CandidateAccount, match_account
from shared.lead.matching.company_facts import profile_of

_FILE: Final = Path(__file__).parents[1] / "data" / "company_pairs.csv"
_FACTS: Final = ("country", "city", "postcode", "phone")


class CompanyPair(Struct, frozen=True):
    """What a lead and what an account says; `same` is the label, `kind` what makes the pair hard."""

    kind: str
    same: bool
    lead: CompanyProfile
    account: CompanyProfile

    @property
    def is_matched(self) -> bool:
        match = match_account(self.lead, [CandidateAccount("a.example", [self.account], "target")])
        return match is not None and match.account is not None


@cache
def company_pairs() -> tuple[CompanyPair, ...]:
    """Return the pairs in the order of the file."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            CompanyPair(
                row["kind"],
                row["same"] == "yes",
                profile_of(row["lead"], *(row[name] or None for name in _FACTS)),
                profile_of(row["account"], *(row[f"account_{name}"] or None for name in _FACTS)),
            )
            for row in csv.DictReader(file)
        )
