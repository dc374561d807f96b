"""Signatures of those who send forms: the right one is taken; another body, secret, name or time is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.intake.signatures import SCHEMES
from shared.web.signing import new_secret, sign

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BODY = b'{"email": "ana@kestrel.example"}'
SECRET = new_secret(b"0123456789abcdef0123456789abcdef")
MILLISECONDS = str(int(NOW.timestamp() * 1000))


def mac(content: bytes) -> bytes:
    return hmac.new(SECRET.encode(), content, hashlib.sha256).digest()


SIGNED = {
    "standard": sign([SECRET], "msg-1", NOW, BODY),
    "typeform": {"typeform-signature": "sha256=" + base64.b64encode(mac(BODY)).decode()},
    "hub": {"x-hub-signature-256": "sha256=" + mac(BODY).hex()},
    "webflow": {
        "x-webflow-timestamp": MILLISECONDS,
        "x-webflow-signature": mac(f"{MILLISECONDS}:".encode() + BODY).hex(),
    },
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_proves_its_body_and_its_secret_only(scheme):
    proves, headers = SCHEMES[scheme], SIGNED[scheme]
    assert proves(SECRET, headers, BODY, NOW)
    assert not proves(SECRET, headers, BODY + b" ", NOW)
    assert not proves(new_secret(b"x" * 32), headers, BODY, NOW)
    assert not proves(SECRET, {}, BODY, NOW)
    for name in headers:
        for wrong in ("", "é", "sha256=", headers[name][:-1], "9" * 400):
            assert not proves(SECRET, {**headers, name: wrong}, BODY, NOW), (name, wrong)


@pytest.mark.parametrize("scheme", ["standard", "webflow"])
def test_a_signature_outside_the_time_tolerance_is_refused(scheme):
    for late in (timedelta(minutes=6), timedelta(minutes=-6)):
        assert not SCHEMES[scheme](SECRET, SIGNED[scheme], BODY, NOW + late)


def test_a_malformed_secret_proves_nothing():
    assert not SCHEMES["standard"]("not base64!", SIGNED["standard"], BODY, NOW)
