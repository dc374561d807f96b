"""GET of a form's URL: the challenges of vendors, which prove that the source's secret is known here."""

from __future__ import annotations

import hashlib
import hmac

import pytest

SECRET = "a secret of the source"
CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
SOURCES = """
sources:
  website: {kind: form, public: true}
  fair: {kind: form, secret_env: FAIR_TOKEN}
  ads: {kind: meta, signature: hub, secret_env: FAIR_TOKEN}
  late: {kind: form, secret_env: NOT_SET}
"""
PATH_TOKEN = SECRET.replace(" ", "%20")
META = "hub.mode=subscribe&hub.challenge=1158201444"


@pytest.fixture
async def gateway(start_gateway, monkeypatch):
    monkeypatch.setenv("FAIR_TOKEN", SECRET)
    running = await start_gateway()
    await running.apply_policy(sources=SOURCES)
    return running


CASES = [
    # path and query, status, body
    (f"website?{META}", 200, b"1158201444"),
    (f"ads?{META}&hub.verify_token={PATH_TOKEN}", 200, b"1158201444"),
    (f"ads?{META}&hub.verify_token=wrong", 403, None),
    (f"ads?{META}", 403, None),
    (f"fair/{PATH_TOKEN}?{META}&hub.verify_token=any", 200, b"1158201444"),
    (f"fair?{META}&hub.verify_token={PATH_TOKEN}", 200, b"1158201444"),
    (f"fair/{PATH_TOKEN}", 200, None),
    ("ads", 200, None),
    ("fair", 403, None),
    ("fair/wrong", 403, None),
    ("late", 503, None),
    (f"website?hub.challenge={'x' * 600}", 200, None),
    ("website?hub.challenge=%3Cscript%3E%0A", 200, None),
]


async def test_a_challenge_is_repeated_to_who_knows_the_secret(gateway):
    for path, status, body in CASES:
        found, answer, _ = await gateway.ask("GET", f"/hooks/forms/{path}", headers={"Authorization": ""})
        assert found == status, path
        assert body is None or answer == body, path
        assert SECRET not in str(answer), path


async def test_linkedin_gets_its_code_signed_and_nothing_else_is(gateway):
    expected = hmac.new(SECRET.encode(), CODE.encode(), hashlib.sha256).hexdigest()
    status, answer, _ = await gateway.ask("GET", f"/hooks/forms/ads?challengeCode={CODE}")
    assert (status, answer) == (200, {"challengeCode": CODE, "challengeResponse": expected})
    for code in ('{"a":1}', CODE + "0", ""):
        status, answer, _ = await gateway.ask("GET", "/hooks/forms/ads", params={"challengeCode": code})
        assert (status, isinstance(answer, bytes)) == (200, True)
