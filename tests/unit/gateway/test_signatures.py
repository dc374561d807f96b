"""Signatures of those who send forms: the right one is taken; another body, secret, name or time is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.gateway.intake.signatures import (
    PLAIN_SCHEMES,
    SignedRequest,
    proves,
    request_id,
    secret_problem,
    sent_secrets,
)
from shared.integrations.catalog import built_in_integrations
from shared.integrations.intake_preset import SignatureScheme
from shared.web.signing import new_secret, sign

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BODY = b'{"email": "ana@kestrel.example"}'
SECRET = new_secret(b"0123456789abcdef0123456789abcdef")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = KEY.public_key().public_bytes_raw()
SECONDS, MILLISECONDS = str(int(NOW.timestamp())), str(int(NOW.timestamp() * 1000))
URL = "https://baton.example/hooks/forms/contact?x=%2Fa"


def mac(content: bytes, digest: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, content, getattr(hashlib, digest)).digest()


def scheme(**terms: Any) -> SignatureScheme:
    return SignatureScheme.model_validate({"scheme": "hmac", **terms})


TIMED: Final = {"header": "x-time", "unit": "s", "tolerance": "5m"}
STRIPE_LIKE: Final = scheme(header="x-sig", value="t={timestamp},v1={signature}", signed="{timestamp}.{body}")
HUBSPOT_V3: Final = scheme(
    header="x-sig",
    encoding="base64",
    signed="{method}{url}{body}{timestamp}",
    timestamp={**TIMED, "unit": "ms"},
)
SCHEMES: dict[str, tuple[SignatureScheme, dict[str, str]]] = {
    "standard": (PLAIN_SCHEMES["standard"], sign([SECRET], "msg-1", NOW, BODY)),
    "svix": (
        PLAIN_SCHEMES["standard"],
        {
            name.replace("webhook", "svix"): value
            for name, value in sign([SECRET], "msg-1", NOW, BODY).items()
        },
    ),
    "hub": (PLAIN_SCHEMES["hub"], {"x-hub-signature-256": "sha256=" + mac(BODY).hex()}),
    "sha1": (scheme(digest="sha1", header="x-sig"), {"x-sig": mac(BODY, "sha1").hex().upper()}),
    "sha512 base64url": (
        scheme(digest="sha512", encoding="base64url", header="X-Sig"),
        {"x-sig": base64.urlsafe_b64encode(mac(BODY, "sha512")).decode()},
    ),
    "in one header": (
        STRIPE_LIKE,
        {"x-sig": f"t={SECONDS},v0=old,v1={mac(SECONDS.encode() + b'.' + BODY).hex()}"},
    ),
    "several": (scheme(header="x-sig"), {"x-sig": f"{'0' * 64}, {mac(BODY).hex()}"}),
    "method and url": (
        HUBSPOT_V3,
        {
            "x-time": MILLISECONDS,
            "x-sig": base64.b64encode(mac(b"POST" + URL.encode() + BODY + MILLISECONDS.encode())).decode(),
        },
    ),
    "decoded url": (
        HUBSPOT_V3,
        {
            "x-time": MILLISECONDS,
            "x-sig": base64.b64encode(
                mac(b"POST" + URL.replace("%2F", "/").encode() + BODY + MILLISECONDS.encode())
            ).decode(),
        },
    ),
    "ed25519": (
        scheme(scheme="ed25519", header="x-sig", signed="{timestamp}{body}", timestamp=TIMED),
        {"x-time": SECONDS, "x-sig": KEY.sign(SECONDS.encode() + BODY).hex()},
    ),
}


def secret_of(name: str) -> str:
    return PUBLIC_KEY.hex() if name == "ed25519" else SECRET


def request(headers: Mapping[str, str], body: bytes = BODY, **parts: Any) -> SignedRequest:
    shape: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "path": "/hooks/forms/contact",
        "query": {},
        **parts,
    }
    return SignedRequest(headers=headers, body=body, **shape)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_signature_proves_its_body_and_its_secret_only(name):
    terms, headers = SCHEMES[name]
    secret = secret_of(name)
    assert proves(terms, secret, request(headers), NOW)
    assert not proves(terms, secret, request(headers, BODY + b" "), NOW)
    other = bytes(32).hex() if name == "ed25519" else new_secret(b"x" * 32)
    assert not proves(terms, other, request(headers), NOW)
    assert not proves(terms, secret, request({}), NOW)
    for header in headers:
        assert not proves(terms, secret, request({**headers, header: ""}), NOW)


@pytest.mark.parametrize("name", ["standard", "in one header", "method and url", "ed25519"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_that_is_too_old_or_of_the_future_proves_nothing(name, minutes):
    terms, headers = SCHEMES[name]
    assert not proves(terms, secret_of(name), request(headers), NOW + timedelta(minutes=minutes))


def test_the_method_and_the_url_are_part_of_what_is_signed():
    terms, headers = SCHEMES["method and url"]
    assert not proves(terms, SECRET, request(headers, method="GET"), NOW)
    assert not proves(terms, SECRET, request(headers, url=URL + "&y=1"), NOW)


@pytest.mark.parametrize("time", ["", "-1", "1e9", "٣", "9" * 20, " "])
def test_a_time_that_is_none_proves_nothing(time):
    terms, headers = SCHEMES["method and url"]
    assert not proves(terms, SECRET, request({**headers, "x-time": time}), NOW)


def test_the_standard_scheme_is_that_of_the_standard():
    text, at = BODY.decode(), datetime.fromtimestamp(int(SECONDS), UTC)
    headers = {
        "webhook-id": "msg-7",
        "webhook-timestamp": SECONDS,
        "webhook-signature": "v1,bm90IGl0 " + Webhook(SECRET).sign("msg-7", at, text),
    }
    assert proves(PLAIN_SCHEMES["standard"], SECRET, request(headers), NOW)
    assert request_id(PLAIN_SCHEMES["standard"], headers) == ("webhook-id", "msg-7")
    assert request_id(PLAIN_SCHEMES["hub"], headers) is None
    assert request_id(None, headers) is None


KEYS = {
    "secret_base64": (base64.b64encode(b"key bytes").decode(), b"key bytes", "not base64!"),
    "secret_hex": (b"key bytes".hex(), b"key bytes", "xyz"),
    "secret": ("key bytes", b"key bytes", None),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_may_be_written_as_text_base64_or_hex(kind):
    written, key, wrong = KEYS[kind]
    terms = scheme(header="x-sig", key=kind)
    assert proves(terms, written, request({"x-sig": mac(BODY, key=key).hex()}), NOW)
    assert secret_problem(terms, written) is None
    if wrong is not None:
        assert not proves(terms, wrong, request({"x-sig": mac(BODY, key=key).hex()}), NOW)
        assert secret_problem(terms, wrong)


def test_secrets_that_are_sent_as_they_are():
    basic = scheme(scheme="basic")
    credentials = base64.b64encode("user:pässword".encode()).decode()
    assert sent_secrets(basic, request({"authorization": f"Basic {credentials}"})) == ["user:pässword"]
    assert sent_secrets(basic, request({"authorization": f"Bearer {credentials}"})) == []
    assert sent_secrets(basic, request({"authorization": "Basic ***"})) == []
    shared = scheme(scheme="shared_secret", header="X-Secret", query="key", body="google_key")
    sent = request({"x-secret": "a"}, query={"key": "b"})
    assert sent_secrets(shared, sent, lambda: "c") == ["a", "b", "c"]
    assert sent_secrets(shared, request({}), lambda: {"not": "text"}) == []
    assert sent_secrets(PLAIN_SCHEMES["hub"], sent, lambda: "c") == []


@pytest.mark.parametrize("name", ["basic", "shared_secret"])
def test_what_is_sent_as_it_is_is_no_signature(name):
    assert not proves(scheme(scheme=name, header="x-sig"), SECRET, request({"x-sig": SECRET}), NOW)


VENDOR_SCHEMES = [
    folder.preset.signature
    for folder in built_in_integrations().folders()
    if folder.kind != "providers" and folder.preset.signature is not None
]


@given(st.sampled_from(VENDOR_SCHEMES), st.text(), st.text(), st.binary(max_size=100), st.datetimes())
def test_nothing_that_is_sent_breaks_a_scheme_or_proves_itself(terms, secret, header, body, at):
    names = {terms.header, terms.timestamp and terms.timestamp.header, terms.id and terms.id.header}
    headers = {name.lower(): header for name in names if name} | {"authorization": header}
    sent = request(headers, body, url=header, path=header, query={"x": header})
    assert not proves(terms, secret, sent, at.replace(tzinfo=UTC))
    sent_secrets(terms, sent, lambda: header)
    secret_problem(terms, secret)
