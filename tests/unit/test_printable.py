"""What reaches a terminal has no control character; what is JSON stays the same JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.printable import printable, printable_json, printable_line

SHOWN = [
    # text, as a text, as one line
    ("Ana Ruíz 😀 e\u0301 👩\u200d💻", "Ana Ruíz 😀 e\u0301 👩\u200d💻", "Ana Ruíz 😀 e\u0301 👩\u200d💻"),
    ("one\n\ttwo", "one\n\ttwo", r"one\n\ttwo"),
    ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    ("\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07", r"\x1b]52;c;ZXZpbA==\x07"),
    ("\x9b2J", r"\x9b2J", r"\x9b2J"),
    ("ok\rfalse", r"ok\rfalse", r"ok\rfalse"),
    ("\x00\x08\x7f", r"\x00\x08\x7f", r"\x00\x08\x7f"),
    ("user\u202egnp.exe", r"user\u202egnp.exe", r"user\u202egnp.exe"),
    ("\u2066a\u2069\u200f\u2028", r"\u2066a\u2069\u200f\u2028", r"\u2066a\u2069\u200f\u2028"),
    ("\ud800", r"\ud800", r"\ud800"),
    ("\U000e0041", r"\U000e0041", r"\U000e0041"),
]


@pytest.mark.parametrize(("text", "shown", "in_line"), SHOWN)
def test_control_characters_are_shown(text: str, shown: str, in_line: str):
    assert printable(text) == shown
    assert printable_line(text) == in_line


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text) and not any(
        unicodedata.bidirectional(char) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        for char in text
    )


@given(st.text())
def test_no_text_keeps_one(text: str):
    assert is_harmless(printable_line(text))
    assert is_harmless(printable(text).replace("\n", "").replace("\t", ""))
    assert printable(printable(text)) == printable(text)


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_json_means_the_same(value: object):
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(printable_json(text)) == value
    assert is_harmless(printable_json(text))
