"""The signing secrets of a webhook subscription: rotation with an overlap, and sealed storage."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vault import Vault, VaultRefused
from shared.webhooks import SECRETS_MAX, SealedSecret, Subscription, sealed_for

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
VAULT = Vault(b"a secret key", os.urandom)


def subscription(*secrets: SealedSecret, id_: str = "sub-1") -> Subscription:
    return Subscription(id_, "https://example.org", ["*"], None, "active", list(secrets), AT, AT)


def sealed(of: Subscription) -> list[str]:
    return [secret.sealed for secret in of.secrets]


def test_a_rotation_signs_with_the_new_secret_first_and_with_the_old_for_the_overlap() -> None:
    rotated = subscription(SealedSecret("old")).rotated("new", AT, DAY)
    assert sealed(rotated) == ["new", "old"]
    assert sealed(rotated.signing_at(AT + DAY - timedelta(microseconds=1))) == ["new", "old"]
    assert sealed(rotated.signing_at(AT + DAY)) == ["new"]
    assert rotated.updated_at == AT


def test_without_an_overlap_the_old_secret_is_gone_at_once() -> None:
    """For a secret that leaked."""
    assert sealed(subscription(SealedSecret("leaked")).rotated("new", AT, timedelta())) == ["new"]


def test_a_second_rotation_does_not_prolong_the_first_secret() -> None:
    twice = subscription(SealedSecret("a")).rotated("b", AT, DAY).rotated("c", AT + DAY / 2, 10 * DAY)
    assert [(secret.sealed, secret.until) for secret in twice.secrets] == [
        ("c", None),
        ("b", AT + DAY / 2 + 10 * DAY),
        ("a", AT + DAY),
    ]


def test_a_second_rotation_may_shorten_it() -> None:
    twice = subscription(SealedSecret("a")).rotated("b", AT, 10 * DAY).rotated("c", AT, DAY)
    assert {secret.until for secret in twice.secrets[1:]} == {AT + DAY}


@given(st.lists(st.integers(0, 48), max_size=12), st.integers(0, 48))
def test_at_most_five_secrets_sign_and_the_newest_always_does(hours: list[int], later: int) -> None:
    current, at = subscription(SealedSecret("0")), AT
    for number, wait in enumerate(hours, 1):
        at += timedelta(hours=wait)
        current = current.rotated(str(number), at, DAY)
        assert len(current.secrets) <= SECRETS_MAX
        assert current.secrets[0] == SealedSecret(str(number))
    signing = current.signing_at(at + timedelta(hours=later))
    assert sealed(signing)[0] == str(len(hours))


def test_secrets_are_opened_in_the_order_in_which_they_sign() -> None:
    stored = [SealedSecret(VAULT.seal(text, purpose=sealed_for("sub-1"))) for text in ("whsec_b", "whsec_a")]
    assert subscription(*stored).opened_secrets(VAULT) == ["whsec_b", "whsec_a"]


def test_a_secret_that_was_copied_to_another_subscription_does_not_open() -> None:
    stolen = SealedSecret(VAULT.seal("whsec_a", purpose=sealed_for("sub-1")))
    with pytest.raises(VaultRefused):
        subscription(stolen, id_="sub-2").opened_secrets(VAULT)
