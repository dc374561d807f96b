"""Secrets of a subscription: the newest comes first, and those before it sign until their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.webhooks import SECRETS_MAX, SealedSecret, Subscription

AT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Subscription("s", "https://hooks.example/", ["*"], None, "active", [SealedSecret("first")], AT, AT)


def signing(subscription: Subscription, at: datetime) -> list[str]:
    return [secret.sealed for secret in subscription.signing_at(at).secrets]


def test_the_previous_secret_signs_until_the_overlap_ends():
    rotated = FIRST.rotated("second", AT, DAY)
    assert signing(rotated, AT + DAY - timedelta(microseconds=1)) == ["second", "first"]
    assert signing(rotated, AT + DAY) == ["second"]
    assert rotated.updated_at == AT


def test_without_an_overlap_the_previous_secret_ends_at_once():
    assert signing(FIRST.rotated("second", AT, DAY).rotated("third", AT, timedelta()), AT) == ["third"]


@given(st.lists(st.tuples(st.integers(0, 48), st.integers(0, 48)), max_size=12))
def test_however_often_it_is_rotated_the_newest_signs_and_none_lives_longer_than_its_overlap(hours):
    subscription, now = FIRST, AT
    ends: dict[str, datetime | None] = {"first": None}
    for number, (wait, overlap) in enumerate(hours):
        now += timedelta(hours=wait)
        until = now + timedelta(hours=overlap)
        ends = {name: until if end is None else min(end, until) for name, end in ends.items()}
        subscription = subscription.rotated(f"n{number}", now, timedelta(hours=overlap))
        ends[f"n{number}"] = None
        names = signing(subscription, now)
        assert names[0] == f"n{number}"
        assert len(names) <= SECRETS_MAX
        assert all(end is None or now < end for end in map(ends.__getitem__, names))
