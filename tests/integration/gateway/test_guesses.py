"""Who guesses API keys or tokens is slowed down; who knows theirs is not shut out by the guesses of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.guesses import EXAMINED_A_SECOND, FAILURES_MAX, REPEATS_MAX, Guesses
from shared.errors import Reject
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import RunningGateway

TOKEN = "a token"
SOURCES = """
sources:
  fair: {kind: form, secret_env: FAIR_TOKEN}
  other: {kind: form, secret_env: FAIR_TOKEN}
"""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def gateway(start_gateway, monkeypatch) -> RunningGateway:
    monkeypatch.setenv("FAIR_TOKEN", TOKEN)
    running: RunningGateway = await start_gateway(BATON_TRUSTED_PROXIES="127.0.0.0/8")
    await running.apply_policy(sources=SOURCES)
    return running


async def test_an_address_that_guesses_keys_is_answered_429(gateway):
    guesser, other = {"X-Forwarded-For": "192.0.2.66"}, {"X-Forwarded-For": "192.0.2.7"}
    known = await gateway.key_headers("read")
    assert (await gateway.ask("GET", "/v1/leads", headers=known | guesser))[0] == 200
    statuses: list[int] = []
    for path, method in (("/v1/leads", "GET"), ("/v1/leads", "POST"), ("/readyz", "GET")) * FAILURES_MAX:
        key = {"Authorization": f"Bearer guess-{len(statuses)}"}
        status, _, headers = await gateway.ask(method, path, headers=key | guesser)
        statuses.append(status)
    assert statuses[:FAILURES_MAX] == [401] * FAILURES_MAX
    assert set(statuses[FAILURES_MAX:]) == {429}
    assert int(headers["Retry-After"]) > 0
    assert (await gateway.ask("GET", "/v1/leads", headers=known | guesser))[0] == 200, "it was right before"
    assert (await gateway.ask("GET", "/v1/leads", headers=other))[0] == 200
    assert (await gateway.ask("GET", "/v1/leads", headers={"Authorization": "Bearer x"} | other))[0] == 401


async def test_tokens_of_a_source_are_as_hard_to_guess_in_every_way(gateway):
    statuses = []
    for n in range(FAILURES_MAX + 4):
        way = n % 3
        path = f"/hooks/forms/fair/guess-{n}"
        if way == 0:
            status, *_ = await gateway.ask("POST", path, data={"email": "a@b.example"})
        elif way == 1:
            status, *_ = await gateway.ask("GET", path)
        else:
            query = {"hub.challenge": "1", "hub.verify_token": f"guess-{n}"}
            status, *_ = await gateway.ask("GET", "/hooks/forms/fair", params=query)
        statuses.append(status)
    assert statuses == [403] * FAILURES_MAX + [429] * 4
    assert (await gateway.ask("POST", "/hooks/forms/other/wrong", data={"email": "a@b.example"}))[0] == 403
    assert (await gateway.ask("GET", "/v1/leads"))[0] == 200


def guess(guesses: Guesses, secret: str, *, right: bool = False) -> str:
    """Return what becomes of a secret: `right`, `wrong`, or the kind of the rejection."""
    try:
        guesses.refuse_if_slowed("", "192.0.2.1", secret)
        if right:
            guesses.count_right("", "192.0.2.1", secret)
            return "right"
        guesses.count_wrong("", "192.0.2.1", secret)
    except Reject as reject:
        return reject.kind
    return "wrong"


def test_a_right_key_gets_through_sooner_or_later(clock):
    """A trickle of wrong keys from behind the same proxy must not shut anybody out."""
    guesses = Guesses(clock)
    for n in range(FAILURES_MAX + 100):
        guess(guesses, f"guess-{n}")
    examined = 0
    for second in range(30):
        clock.advance(timedelta(seconds=1.001))
        answers = [guess(guesses, f"late-{second}-{n}", right=True) for n in range(100)]
        examined += answers.count("right")
        guess(guesses, f"again-{second}")
    assert examined == 30 * EXAMINED_A_SECOND


def test_one_wrong_key_that_is_repeated_is_no_guess(clock):
    guesses = Guesses(clock)
    assert {guess(guesses, "revoked") for _ in range(REPEATS_MAX)} == {"wrong"}
    assert guess(guesses, "revoked") == "too-many-failures"
    clock.advance(timedelta(seconds=61))
    assert guess(guesses, "revoked") == "wrong"


def test_memory_is_bounded(clock):
    guesses = Guesses(clock)
    for n in range(30_000):
        address = f"192.0.{n // 250}.{n % 250}"
        guesses.count_wrong("", address, f"guess-{n}")
        guesses.count_right("", address, f"key-{n}")
    for cache in (guesses._wrong, guesses._right, guesses._failures, guesses._repeats):
        assert len(cache) == 10_000
