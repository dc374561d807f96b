"""Yes and no in the words of check boxes, spreadsheets and several languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lead.normalise.yes_no import yes_or_no

YES = (
    "yes", "Y", " TRUE ", "t", "1", "1.0", 1, 1.0, True, "on", "x", "X", "checked", "I agree", "agreed", "ok", "Yes!",
    "yes please", "Yes, please.", "ja", "Ja, bitte", "wahr", "oui", "vrai", "sí", "si", "SÌ", "verdadero", "sim", "tak",
    "да", "はい", "是", "✓", "✔", "☑",
)  # fmt: skip
NO = (
    "no", "N", "FALSE", "f", "0", "0.0", 0, 0.0, False, None, "", "  ", "off", "unchecked", "none", "null", "n/a", "-",
    "never", "No, thanks", "nein", "Nein danke", "falsch", "non", "faux", "não", "nee", "нет", "いいえ", "否", "☐", "✗",
    "0000-00-00", "0000-00-00 00:00:00",
)  # fmt: skip
NEITHER: tuple[object, ...] = (
    "maybe",
    "2",
    2,
    "2024-05-01",
    "yes and no",
    "no more mail",
    "please",
    [],
    ["yes"],
    "x" * 300,
    "!?a",
)


@pytest.mark.parametrize("value", YES)
def test_yes(value: object):
    assert yes_or_no(value) is True


@pytest.mark.parametrize("value", NO)
def test_no(value: object):
    assert yes_or_no(value) is False


@pytest.mark.parametrize("value", NEITHER)
def test_neither(value: object):
    assert yes_or_no(value) is None


@given(st.text() | st.integers() | st.floats() | st.binary())
def test_any_value_is_yes_no_or_neither(value: object):
    assert yes_or_no(value) in (True, False, None)
