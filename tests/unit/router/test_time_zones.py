from __future__ import annotations

import pytest

from services.router.domain.time_zones import time_zone_of


@pytest.mark.parametrize(
    ("phone", "person", "company", "zone"),
    [
        ("+14155550132", None, None, "America/Los_Angeles"),
        ("+14155550132", "DE", "DE", "America/Los_Angeles"),
        ("+12125550132;ext=7", None, None, "America/New_York"),
        ("+4930901820", "US", None, "Europe/Berlin"),
        # Toll-free and some mobile numbers name no single zone: the country may.
        ("+18005550132", None, None, None),
        ("+18005550132", "DE", None, "Europe/Berlin"),
        ("+447911123456", None, None, "Europe/London"),
        ("+353871234567", None, "US", "Europe/Dublin"),
        (None, "FR", "US", "Europe/Paris"),
        (None, None, "NO", "Europe/Oslo"),
        (None, "US", "CA", None),
        (None, "US", "SE", None),
        ("no number", "Nowhere", None, None),
        (None, None, None, None),
    ],
)
def test_the_zone_is_that_of_the_number_or_of_a_country_with_one_zone(phone, person, company, zone):
    assert time_zone_of(phone, person, company) == zone
