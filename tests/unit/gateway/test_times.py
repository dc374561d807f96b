"""A time of the API is an RFC 3339 text; a number, which could be seconds or milliseconds, is none."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from services.gateway.api_route import Time

_TIME: TypeAdapter[Time] = TypeAdapter(Time)


@pytest.mark.parametrize(
    "given",
    [
        "12",
        " 12 ",
        "-1.5",
        "6.103515625e-05",
        "1e400",
        "nan",
        3,
        2.5,
        10**400,
        "",
        "tomorrow",
        "2026-03-02T09:30:00",
    ],
    ids=lambda given: repr(given)[:20],
)
def test_what_is_no_time_with_a_zone_is_refused(given: object):
    with pytest.raises(ValidationError):
        _TIME.validate_python(given)


def test_a_time_with_its_zone_is_taken():
    assert _TIME.validate_python("2026-03-02T09:30:00Z").isoformat() == "2026-03-02T09:30:00+00:00"
