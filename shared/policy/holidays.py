"""Public holidays by the `holidays` library: of a country (US) or of a part of one (DE-BY)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import holidays


@lru_cache(maxsize=1)
def _parts_by_country() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


def is_known_region(region: str) -> bool:
    """Return whether holidays are known of a region such as US or DE-BY."""
    country, _, part = region.partition("-")
    parts = _parts_by_country().get(country)
    return parts is not None and (not part or part in parts)


def regions_of(country: str) -> Sequence[str]:
    """Return a country and its parts as regions; the countries, where it is none."""
    parts = _parts_by_country().get(country)
    return (
        [country, *(f"{country}-{part}" for part in parts)] if parts is not None else [*_parts_by_country()]
    )


@lru_cache(maxsize=2_048)
def holidays_of(region: str, year: int) -> frozenset[date]:
    """Return the public holidays of a region in a year; raises `KeyError` for an unknown region."""
    country, _, part = region.partition("-")
    if not is_known_region(region):
        raise KeyError(region)
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
