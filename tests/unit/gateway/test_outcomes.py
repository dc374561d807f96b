"""When recorded outcomes happened, and which of them count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.gateway.domain.outcomes import happened_at, happened_outcomes

TOLD = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_an_outcome_happened_at_its_time_but_no_later_than_it_was_told():
    assert happened_at({"at": "2026-03-01T10:00:00+01:00"}, TOLD) == TOLD - timedelta(days=1)
    assert happened_at({"at": "2026-12-31T23:59:59Z"}, TOLD) == TOLD


def test_what_a_topic_tells_again_under_one_id_corrects_what_it_told_before():
    first = {"at": "2026-03-01T09:00:00Z", "type": "won", "external_id": "7"}
    other = {"at": "2026-02-01T09:00:00Z", "type": "reply"}
    corrected = {**first, "at": "2026-01-01T09:00:00Z"}
    found = happened_outcomes([(TOLD, first), (TOLD, other), (TOLD + timedelta(hours=1), corrected)])
    assert sorted(found, key=lambda one: one[0]) == [
        (datetime(2026, 1, 1, 9, tzinfo=UTC), corrected),
        (datetime(2026, 2, 1, 9, tzinfo=UTC), other),
    ]
