"""Splits what a buyer wrote into sentences, and a sentence into tokens: words, amounts, numbers, dates.

Both are one pass over the text, so the time grows with its length only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from shared.lead.events.parts import Answer

TEXT_LENGTH_MAX: Final = 20_000
"""Longer texts are cut here before they are read."""
SENTENCE_TOKENS_MAX: Final = 60
"""A longer sentence is read in parts of this many tokens."""
_WRAPPED_LINE_LENGTH_MIN: Final = 50

_SENTENCE_END = re.compile(r"([.!?…]{1,5}[)\"'”»]{0,3})\s+|\n\s*")
_ABBREVIATIONS: Final = {
    *("approx", "ca", "bzw", "z.b", "usw", "inkl", "exkl", "max", "min", "evtl", "ggf", "vs", "e.g", "i.e"),
    *("incl", "mr", "mrs", "ms", "dr", "prof", "sr", "sra", "nr", "p.ex", "mme", "tel", "mio", "tsd", "mrd"),
}
_DAY = re.compile(r"[12]?\d|3[01]")

_NUMBER = r"\d{1,3}(?:[.,'\u2019\u00a0\u202f ]\d{3}){1,4}(?:[.,]\d{1,2})?|\d{1,12}(?:[.,]\d{1,4})?"
_SCALE = (
    r"(?:k|m|mn|mm|mio|mill|tsd|bn|thousand|tausend|mil|mille|milhões|milhão|millones|millón"
    r"|million(?:en|s)?)"
)
_SIGN = r"(?:(?:US|AU|CA|R|A|C|S)?\$|[€£¥]|CHF|EUR|USD|GBP|BRL|MXN|CAD|AUD|SEK|NOK|DKK|PLN)"
_CURRENCY = (
    r"(?:[$€£¥]|[tk]eur|eur|euros?|usd|dollars?|d[oó]lar(?:es)?|bucks|grand|gbp|pounds?|quid|chf|franken|francs?|brl|reais"
    r"|mxn|pesos?|cad|aud|sek|nok|dkk|pln)"
)
_TOKEN = re.compile(
    rf"""
    (?P<word>(?!{_SIGN}\s?\d|[qth][1-4]\b) [^\W\d_][^\W_]{{0,40}} (?:['\u2019][^\W_]{{1,20}})*)
  | (?P<day>
        \d{{1,2}}[./]\d{{1,2}}[./](?:\d{{4}}|\d{{2}})?(?!\d)
      | \d{{4}}-\d{{2}}-\d{{2}} | \d{{1,2}}/20\d\d(?!\d)
    )
  | (?P<quarter>\b(?:[qth][1-4]|[1-4][qt])\b (?: (?:\s|/)? 20\d\d )?)
  | (?P<money>
        {_SIGN} \s? (?:{_NUMBER}) (?:\s?[-\u2013]\s?(?:{_NUMBER}))? (?:\s?{_SCALE}\b)? \.?
      | (?:(?:{_NUMBER})\s?[-\u2013]\s?)? (?:{_NUMBER}) (?:\s?{_SCALE}\b)? \.?
        (?:\s(?:de|d'|d\u2019|von|of|us))? \s? {_CURRENCY} (?!\w)
    )
  | (?P<percent>(?:{_NUMBER}) \s? (?: % | (?:percent|prozent|pour\ cent|por\ ciento|por\ cento)\b ))
  | (?P<year>\b20\d\d\b (?![.,]\d))
  | (?P<amount>
        (?:(?:{_NUMBER})\s?[-\u2013]\s?)? (?:{_NUMBER}) \s? {_SCALE} \b
      | \d{{1,3}} (?:[.,'\u2019\u00a0\u202f]\d{{3}}){{1,4}} (?!\d)
    )
  | (?P<number>\d[\d.,]{{0,20}} (?:st|nd|rd|th|º|ª)?)
  | (?P<stop>[,;:()\u2013\u2014|/] | \s[-•*]\s)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WITHOUT_FIGURES = re.compile(
    r"([^\W\d_][^\W_]{0,40}(?:['\u2019][^\W_]{1,20})*)|[,;:()\u2013\u2014|/]|\s[-•*]\s", re.IGNORECASE
)
"""The words and stops of `_TOKEN`: enough for a text without a digit, and much faster."""
_DIGIT = re.compile(r"\d")
_CONTRACTED: Final = {"re": "are", "ve": "have", "ll": "will", "m": "am", "d": "would", "s": "is"}
_NOT_CONTRACTED: Final = {"ca": "can", "wo": "will", "sha": "shall"}
_WITHOUT_APOSTROPHE = re.compile(r"(do|does|did|is|are|was|were|have|has|had|ca|wo|would|could|should)nt")

TokenKind = Literal[
    "day", "quarter", "money", "percent", "year", "amount", "number", "word", "vendor", "stop"
]


class Token(Struct, frozen=True):
    """A word, folded to lower case without accents, or a figure; `text` is as it was written."""

    kind: TokenKind
    folded: str
    text: str


def split_sentences(text: str | None) -> list[str]:
    """Return the sentences of a text, each on one line.

    A line ends a sentence unless it is one that a mail program wrapped; the dot of an abbreviation or of a
    day ("30. Juni") does not.
    """
    sentences: list[str] = []
    text = (text or "")[:TEXT_LENGTH_MAX]
    start = line_start = 0
    for end in _SENTENCE_END.finditer(text):
        line_length, newlines = end.start() - line_start, end[0].count("\n")
        if newlines:
            line_start = end.end()
        wrapped = newlines == 1 and line_length >= _WRAPPED_LINE_LENGTH_MIN
        if end[1] is None and wrapped and text[end.end() : end.end() + 1].islower():
            continue
        if end[1] == "." and not newlines:
            before = text[max(start, end.start() - 12) : end.start()].split()
            follows = text[end.end() : end.end() + 1]
            if before and (
                before[-1].casefold() in _ABBREVIATIONS or (_DAY.fullmatch(before[-1]) and follows.isalpha())
            ):
                continue
        sentences.append(text[start : end.end(1) if end[1] else end.start()])
        start = end.end()
    sentences.append(text[start:])
    return [line for sentence in sentences if (line := " ".join(sentence.split()))]


def answer_text(answer: Answer) -> str:
    """Return an answer as one line; empty for an empty answer."""
    answers = answer if isinstance(answer, list) else [answer]
    return ", ".join(" ".join(str(value).split()) for value in answers if value not in (None, "", False))


def without_accents(text: str) -> str:
    """Return a text in lower case without accents: `Größe` is `grosse`."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text. English contractions are written out: `don't` is `do`, `not`."""
    tokens: list[Token] = []
    if not _DIGIT.search(text):
        for match in _WITHOUT_FIGURES.finditer(text):
            written, is_word = match[0], match[1]
            if is_word:
                tokens += [Token("word", part, written) for part in folded_parts(written)]
            else:
                tokens.append(Token("stop", ",", written))
        return tokens
    for match in _TOKEN.finditer(text):
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]
        if kind == "word":
            tokens += [Token("word", part, match[0]) for part in folded_parts(match[0])]
        else:
            tokens.append(Token(kind, "," if kind == "stop" else match[0], match[0]))
    return tokens


@lru_cache(maxsize=16_384)
def folded_parts(word: str) -> tuple[str, ...]:
    """Return the parts of a word around its apostrophes, folded, with contractions written out."""
    parts = without_accents(word).replace("\u2019", "'").split("'")
    if len(parts) == 1:
        contracted = _WITHOUT_APOSTROPHE.fullmatch(parts[0])
        return (_NOT_CONTRACTED.get(contracted[1], contracted[1]), "not") if contracted else (parts[0],)
    first, last = parts[0], parts[-1]
    if last == "t" and first.endswith("n"):
        stem = "can" if first == "can" else first[:-1]
        return (_NOT_CONTRACTED.get(stem, stem), "not")
    return (*parts[:-1], _CONTRACTED.get(last, last) if len(first) > 1 or first == "i" else last)


def chunks(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of a sentence in parts of bounded length."""
    for start in range(0, len(tokens), SENTENCE_TOKENS_MAX):
        yield tokens[start : start + SENTENCE_TOKENS_MAX]
