"""The time zone of a person, by the telephone number or the country."""

from __future__ import annotations

from typing import Final

import phonenumbers
import pytz
from phonenumbers import timezone

_SAME_CLOCKS: Final = frozenset({"Europe/Busingen", "Asia/Famagusta", "Asia/Kuching"})
"""Zones of a part of a country where the clocks show what they show in the rest of it."""


def time_zone_of(phone: str | None, person_country: str | None, company_country: str | None) -> str | None:
    """Return a name of the tz database, None when the number and the countries leave more than one.

    `phone` is in E.164. The area code decides where it names one zone; else a country that has only one: the
    person's, else the number's, else the company's. A toll-free or mobile number may belong to many zones.
    """
    number_country = None
    if phone:
        try:
            number = phonenumbers.parse(phone)
        except phonenumbers.NumberParseException:
            pass  # what a system of one's own gave may be no number
        else:
            found = timezone.time_zones_for_number(number)
            if len(found) == 1 and found[0] != timezone.UNKNOWN_TIMEZONE:
                return found[0]
            number_country = phonenumbers.region_code_for_country_code(number.country_code or 0)
    country = person_country or number_country or company_country or ""
    zones = [zone for zone in pytz.country_timezones.get(country, ()) if zone not in _SAME_CLOCKS]
    return zones[0] if len(zones) == 1 else None
