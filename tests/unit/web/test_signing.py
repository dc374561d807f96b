"""Webhook signatures, compared both ways with the reference package."""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from shared.web.signing import SecretInvalid, SignatureInvalid, Signer, new_secret, sign, verify

AT = datetime(2026, 3, 1, 12, 0, 0, 900_000, tzinfo=UTC)
SECRET = new_secret(b"k" * 32)
OTHER = new_secret(b"o" * 24)
ID = "0197b3c8-0000-7000-8000-000000000001"

keys = st.binary(min_size=24, max_size=64)
ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=64)
# The reference package signs text only, and reads an aware UTC instant only.
texts = st.text(st.characters(codec="utf-8"), max_size=500)
instants = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def signed(body: bytes = b"{}", *secrets: str) -> dict[str, str]:
    return sign(secrets or (SECRET,), ID, AT, body)


@given(key=keys, webhook_id=ids, at=instants, text=texts)
def test_the_reference_package_makes_the_same_signature(
    key: bytes, webhook_id: str, at: datetime, text: str
) -> None:
    secret = new_secret(key)
    headers = Signer(secret).headers(webhook_id, at, text.encode())
    assert headers == {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(math.floor(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, at, text),
    }


@given(key=keys, webhook_id=ids, text=texts)
def test_the_reference_package_accepts_what_is_signed_now(key: bytes, webhook_id: str, text: str) -> None:
    secret = new_secret(key)
    body = text.encode()
    Webhook(secret).verify(body, sign((OTHER, secret), webhook_id, datetime.now(UTC), body), json_parse=False)


@given(key=keys, webhook_id=ids, at=instants, text=texts)
def test_what_the_reference_package_signs_is_accepted(
    key: bytes, webhook_id: str, at: datetime, text: str
) -> None:
    secret = new_secret(key)
    headers = {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(math.floor(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(webhook_id, at, text),
    }
    verify(secret, headers, text.encode(), at)


@given(body=st.binary(max_size=500))
def test_any_bytes_can_be_signed(body: bytes) -> None:
    verify(SECRET, signed(body), body, AT)


def test_while_a_secret_is_replaced_both_verify() -> None:
    headers = signed(b"{}", SECRET, OTHER)
    assert len(headers["webhook-signature"].split(" ")) == 2
    verify(SECRET, headers, b"{}", AT)
    verify(OTHER, headers, b"{}", AT)


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_prefix_and_padding_of_a_secret_may_be_missing(secret: str) -> None:
    verify(secret, signed(), b"{}", AT)


def test_the_instant_counts_whatever_its_time_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-7)))
    assert sign((SECRET,), ID, elsewhere, b"{}") == signed()


def test_a_naive_instant_is_a_bug() -> None:
    with pytest.raises(ValueError, match="aware"):
        sign((SECRET,), ID, AT.replace(tzinfo=None), b"{}")


@pytest.mark.parametrize("seconds", [-300.0, 300.0])
def test_the_tolerance_is_kept_to_the_second(seconds: float) -> None:
    sent = AT.replace(microsecond=0)
    verify(SECRET, signed(), b"{}", sent + timedelta(seconds=seconds))
    with pytest.raises(SignatureInvalid, match="too far"):
        verify(SECRET, signed(), b"{}", sent + timedelta(seconds=math.copysign(301, seconds)))
    with pytest.raises(SignatureInvalid, match="too far"):
        verify(SECRET, signed(), b"{}", sent + timedelta(seconds=seconds), tolerance_s=10)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "another"),
        ("webhook-id", ""),
        ("webhook-id", "\udcff"),
        ("webhook-timestamp", "1772366401"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "1772366400.5"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "9" * 5000),
        ("webhook-timestamp", "١٧٧٢٣٦٦٤٠٠"),
        ("webhook-timestamp", "1772366400\n"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-signature", "v1,!not base64!"),
        ("webhook-signature", "v1,é\udcff"),
        ("webhook-signature", " " * 5000),
        ("webhook-signature", "v1a,AAAA"),
        ("webhook-signature", "v1," + b64encode(bytes(32)).decode()),
    ],
)
def test_a_changed_or_malformed_header_is_invalid(header: str, value: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, signed() | {header: value}, b"{}", AT)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_no_text_in_a_header_raises_anything_else(changes: dict[str, str]) -> None:
    try:
        verify(SECRET, signed() | changes, b"{}", AT)
    except SignatureInvalid:
        return
    assert changes.items() <= signed().items()


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing: str) -> None:
    headers = signed()
    del headers[missing]
    with pytest.raises(SignatureInvalid, match="missing"):
        verify(SECRET, headers, b"{}", AT)


def test_another_body_another_secret_and_another_version_are_invalid() -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, signed(), b"{} ", AT)
    with pytest.raises(SignatureInvalid):
        verify(OTHER, signed(), b"{}", AT)
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")
    with pytest.raises(SignatureInvalid):
        verify(SECRET, headers, b"{}", AT)


def test_an_unknown_version_beside_a_good_one_is_passed_over() -> None:
    headers = signed()
    headers["webhook-signature"] = "v1a,zzz garbage " + headers["webhook-signature"]
    verify(SECRET, headers, b"{}", AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_é", "whsec_A", "whsec_ab cd", "===="])
def test_a_secret_that_is_no_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(SecretInvalid) as raised:
        Signer(secret)
    assert secret.removeprefix("whsec_").strip("=") == "" or secret not in str(raised.value)


def test_nothing_is_sent_unsigned() -> None:
    with pytest.raises(SecretInvalid):
        sign((), ID, AT, b"{}")


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_new_secret_takes_24_to_64_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="random bytes"):
        new_secret(b"x" * length)
