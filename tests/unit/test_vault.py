"""Sealed values: they open for their purpose and key only."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vault import Vault, VaultRefused

VAULT = Vault(b"a secret key", os.urandom)
SENDABLE = st.text(st.characters(exclude_categories=["Cs"]))


@given(SENDABLE, SENDABLE)
def test_a_sealed_value_opens_with_its_purpose(text, purpose):
    assert VAULT.open(VAULT.seal(text, purpose=purpose), purpose=purpose) == text


def test_two_seals_of_one_text_differ():
    assert VAULT.seal("whsec_x", purpose="a") != VAULT.seal("whsec_x", purpose="a")


@pytest.mark.parametrize(
    "sealed",
    ["", "v1.", "v1.AAAA", "not base64 at all!", "v1.Ü", VAULT.seal("x", purpose="another")],
    ids=["nothing", "no text", "too short", "no base64", "no ASCII", "of another purpose"],
)
def test_damage_and_other_purposes_are_refused(sealed):
    with pytest.raises(VaultRefused):
        VAULT.open(sealed, purpose="a")


def test_another_key_does_not_open():
    with pytest.raises(VaultRefused):
        Vault(b"another key", os.urandom).open(VAULT.seal("x", purpose="a"), purpose="a")
