"""The spam score is the one of its rules counted one by one: what is skipped for speed changes no result."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lead import normalise
from shared.lead.normalise.spam import MESSAGE_LENGTH_MAX, SpamReason, SpamScore, spam_score
from shared.lead.normalise.text import fold, single_line, without_invisible

MESSAGES = Path(__file__).parents[1] / "unit" / "lead" / "data"
RULES: list[dict[str, Any]] = tomllib.loads(
    resources.files(normalise).joinpath("spam.toml").read_text(encoding="utf-8")
)["rule"]
ON_MESSAGE = [
    rule for rule in RULES if rule.get("on") != "names" and ("pattern" in rule or "phrases" in rule)
]

phrases = st.sampled_from([phrase for rule in RULES for phrase in rule.get("phrases", ())])
links = st.sampled_from(
    ["https://a.top/", "www.", "http%3a%2f%2f", "bit.ly/", "a (dot) com", "[url=", "</a>", "🚀"]
)
words = st.sampled_from(
    ["Hello", "our", "team", "s", "SEO,", "ing", "\u0130", "é", "V.P.", "&", "\u200b", "\n"]
)
pieces = st.one_of(
    phrases,
    phrases.map(lambda phrase: phrase.replace("*", "s").upper()),
    phrases.map(lambda phrase: phrase.replace("*", "er")),
    phrases.map(lambda phrase: phrase.replace("*", "")),
    links,
    words,
    st.text(max_size=5),
)
messages = st.builds(
    lambda parts, between: between.join(parts),
    st.lists(pieces, max_size=12),
    st.sampled_from([" ", "", ", "]),
)


def words_of(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def count_of_phrases(phrases: list[str], words: str) -> int:
    """Count the phrases in the words; those with endings before their last word count once per distinct match."""
    found, patterns = 0, []
    for phrase in phrases:
        plain = words_of(phrase.replace("*", "_"))
        if phrase >= "\u2e80":
            found += plain in words
        elif "_" in plain.removesuffix("_"):
            patterns.append(" " + plain.replace("_", "[^ ]*"))
        else:
            found += (f" {plain[:-1]}" if plain.endswith("_") else f" {plain} ") in words
    return found + (len(set(re.findall("|".join(patterns), words))) if patterns else 0)


def counted_one_by_one(message: str) -> list[SpamReason]:
    """Return the reasons of a message, each pattern and each phrase searched on its own."""
    text = without_invisible(unicodedata.normalize("NFKC", single_line(message, MESSAGE_LENGTH_MAX)))
    reasons = []
    for rule in ON_MESSAGE:
        if "pattern" in rule:
            count = sum(1 for _match in re2.finditer(f"(?i:{rule['pattern']})", text))
        else:
            count = count_of_phrases(rule["phrases"], f" {words_of(text)} ")
        if points := rule["points"] * max(0, count - rule.get("free", 0)):
            reasons.append(SpamReason(rule["name"], (min if rule["max"] > 0 else max)(points, rule["max"])))
    return reasons if any(reason.points > 0 for reason in reasons) else []


def check(message: str) -> None:
    names = {rule["name"] for rule in ON_MESSAGE}
    found = [reason for reason in spam_score(message).reasons if reason.rule in names]
    if any(reason.points > 0 for reason in found):
        assert found == counted_one_by_one(message)
    else:
        assert counted_one_by_one(message) == []


@settings(deadline=None)
@given(messages)
def test_the_score_is_that_of_each_pattern_and_phrase_on_its_own(message):
    check(message)


@pytest.mark.parametrize("label", ["spam", "genuine"])
def test_so_it_is_on_the_labelled_messages(label):
    for line in (MESSAGES / f"{label}_messages.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            check(line.split("|", 3)[3].strip())


@given(st.text(st.characters(max_codepoint=127)))
def test_folding_ascii_is_folding_any_text(text):
    assert fold(text) == fold(f"{text}\u0301")  # an accent without a letter takes the general way


def test_a_form_without_message_and_names_has_no_score():
    assert spam_score() == spam_score("", "", " ") == SpamScore(0, ())
