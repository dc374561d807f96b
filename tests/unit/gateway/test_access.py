"""API keys: which scopes a key has, and what is stored of its text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.access import (
    KEY_BYTES,
    KEY_PREFIX,
    SCOPES,
    ApiKey,
    Scope,
    included,
    key_hash,
    new_key,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("intake", {"intake"}),
        ("read", {"read"}),
        ("rep", {"rep", "read"}),
        ("manager", {"manager", "rep", "read"}),
        ("admin", {"intake", "read", "rep", "manager", "admin"}),
    ],
)
def test_a_scope_includes_those_below_it(scope: Scope, scopes: set[str]):
    assert included([scope]) == scopes


@given(st.lists(st.sampled_from(SCOPES), max_size=5), st.sampled_from(SCOPES))
def test_another_scope_never_takes_one_away(scopes: list[Scope], more: Scope):
    assert included(scopes) <= included([*scopes, more])


@given(st.lists(st.sampled_from(SCOPES[:-1]), max_size=5))
def test_no_combination_of_other_scopes_makes_an_administrator(scopes: list[Scope]):
    assert "admin" not in included(scopes)


def test_the_caller_of_a_key_has_its_scopes_and_its_rep():
    key = ApiKey("k1", "dialler", "hash", ["rep"], "ana", AT, None)
    principal = key.principal
    assert (principal.key_id, principal.rep) == ("k1", "ana")
    assert principal.may("read")
    assert not principal.may("manager")


@given(st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES), st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES))
def test_different_random_bytes_make_different_keys_and_hashes(one: bytes, other: bytes):
    assert new_key(one).startswith(KEY_PREFIX)
    assert (new_key(one) == new_key(other)) == (one == other)
    assert (key_hash(new_key(one)) == key_hash(new_key(other))) == (one == other)


@given(st.text())
def test_any_text_that_a_client_sends_has_a_hash_of_64_hex_digits(text: str):
    assert len(key_hash(text)) == 64
    assert int(key_hash(text), 16) >= 0


def test_the_hash_takes_a_text_that_is_not_valid_unicode():
    assert len(key_hash("\ud800")) == 64
