"""A session's cookie is believed only as it was made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.console.pages.sign_in import own_path
from services.gateway.console.session import AGE_MAX, IDLE_MAX, Session, SessionCodec

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
SESSION = Session("key-1", "0123456789abcdef", NOW, NOW, "f00d")
CODEC = SessionCodec(b"s" * 32, secure=False)


def test_a_cookie_gives_the_session_that_it_was_made_of():
    assert CODEC.decode(CODEC.encode(SESSION)) == SESSION


def test_a_cookie_of_another_secret_is_no_session():
    assert SessionCodec(b"t" * 32, secure=False).decode(CODEC.encode(SESSION)) is None


@given(position=st.integers(0, 300), character=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_changed_cookie_is_no_session(position: int, character: str):
    cookie = CODEC.encode(SESSION)
    position %= len(cookie)
    changed = cookie[:position] + character + cookie[position + 1 :]
    assert changed == cookie or CODEC.decode(changed) is None


@given(st.text(max_size=200))
def test_any_text_is_answered(cookie: str):
    assert CODEC.decode(cookie) is None


def test_a_session_ends_when_it_is_old_or_idle():
    assert not SESSION.ended(NOW + IDLE_MAX)
    assert SESSION.ended(NOW + IDLE_MAX + timedelta(seconds=1))
    used = Session("key-1", "0123456789abcdef", NOW, NOW + AGE_MAX, "f00d")
    assert used.ended(NOW + AGE_MAX + timedelta(seconds=1))


def test_the_csrf_token_is_that_of_one_session():
    other = Session("key-1", "0123456789abcdef", NOW, NOW, "beef")
    assert CODEC.csrf_token(SESSION) != CODEC.csrf_token(other)
    assert CODEC.csrf_token(SESSION) not in CODEC.encode(SESSION)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/leads?rule=fits", "/leads?rule=fits"),
        ("//elsewhere.example/", "/"),
        ("https://elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_to_a_page_of_this_server_only(path: str, target: str):
    assert own_path(path) == target
