"""How much a form looks like spam: the rules of `spam.toml` over the message and the names."""

from __future__ import annotations

import re
import string
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

import re2
from msgspec import Struct

from shared.lead.normalise.text import NAME_LENGTH_MAX, fold, single_line, without_invisible

MESSAGE_LENGTH_MAX: Final = 10_000
"""Longer messages are cut here before they are read."""

_FILE: Final = "spam.toml"
_NAMES: Final = "names"
_WORDS = re.compile(r"\w+")
_UPPER, _LOWER = string.ascii_uppercase.encode(), string.ascii_lowercase.encode()
_SHOUTED_LETTERS_MIN: Final = 30
_KEYBOARD_ROWS: Final = (
    ("qwertyuiop", 5),
    ("asdfghjkl", 4),
    ("zxcvbnm", 4),
    ("йцукенгшщзх", 4),
    ("фывапролдж", 4),
)
"""Rows of the keyboard, and how many letters in a row no name has."""
_KEYBOARD_RUNS: Final = frozenset(
    row[at : at + length]
    for keys, length in _KEYBOARD_ROWS
    for row in (keys, keys[::-1])
    for at in range(len(keys) - length + 1)
)
_RUN_LENGTHS: Final = sorted({length for _keys, length in _KEYBOARD_ROWS})
# Names have long runs too: "Knightsbridge" has six consonants in a row, "Hirschsprung" seven.
_CONSONANT_RUN = re.compile(r"[bcdfghjklmnpqrstvwxz]{8}")
_VOWELLESS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}")
_CASE_FLIP = re.compile(r"[a-z][A-Z]")
_PAIRS: Final = """
    bq bx cj cx dx fq fx fz gx hx jb jc jd jf jg jl jm jn jp jq jr js jt jv jw jx jz kq kx lx mx pq
    px qb qc qd qe qf qg qh qj qk ql qm qn qo qp qr qs qt qv qw qx qy qz sx tq vb vc vd vf vg vh vj
    vk vm vn vp vq vt vw vx vz wq wv wx xb xd xf xg xj xk xm xn xq xr xv xw xz yq zb zf zj zp zq zr
    zx
"""
_RARE_PAIRS: Final = frozenset(_PAIRS.split())
_RARE_PAIRS_MIN: Final = 2
_DOUBLED_LENGTH_MIN: Final = 6
_GIBBERISH_WORDS_MAX: Final = 6
_IDEOGRAPHS_FROM: Final = "\u2e80"


class SpamReason(Struct, frozen=True):
    """One rule that a form broke, and the points it gave."""

    rule: str
    points: int


class SpamScore(Struct, frozen=True):
    """How much a form looks like spam, 0 to 100: the sum of its reasons within these bounds."""

    score: int
    reasons: tuple[SpamReason, ...]


class _Form(Struct, frozen=True):
    """A message and names as the rules read them; `words` are the folded words with a blank around each.

    `patterns` are the patterns that match the message, `name_patterns` those that match each name, and
    `phrases` the phrases that occur in the words, each by its number in the set of `_Rules`.
    """

    message: str
    names: tuple[str, ...]
    words: str
    patterns: frozenset[int]
    name_patterns: tuple[frozenset[int], ...]
    phrases: frozenset[int]


class _Rule(Struct, frozen=True):
    """`matches` counts how often a form breaks the rule; the other fields are those of `spam.toml`."""

    name: str
    matches: Callable[[_Form], int]
    points: int
    max: int
    free: int = 0


class _PatternSet:
    """Regular expressions that are searched for in one pass over a text, however many they are."""

    def __init__(self, *, case_sensitive: bool) -> None:
        options = re2.Options()
        options.case_sensitive = case_sensitive
        self._set: Any = re2.Set.SearchSet(options)  # type: ignore[no-untyped-call]

    def add(self, pattern: str) -> int:
        """Add a pattern before `compile`; return the number that `matching` gives for it."""
        return int(self._set.Add(pattern))

    def compile(self) -> None:
        self._set.Compile()

    def matching(self, text: str) -> frozenset[int]:
        """Return the numbers of the patterns that match anywhere in the text."""
        return frozenset(self._set.Match(text) or ())


class _Rules:
    """The rules of `spam.toml`, and the sets of all their patterns and of all their phrases."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self.patterns = _PatternSet(case_sensitive=False)
        self.name_patterns = _PatternSet(case_sensitive=False)
        self.phrases = _PatternSet(case_sensitive=True)
        self.rules = tuple(_rule(self, **row) for row in rows)
        self.patterns.compile()
        self.name_patterns.compile()
        self.phrases.compile()


def spam_score(
    message: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
) -> SpamScore:
    """Return how much a form looks like spam, with the rules that matched, in the order of `spam.toml`."""
    text = without_invisible(unicodedata.normalize("NFKC", single_line(message, MESSAGE_LENGTH_MAX)))
    names = tuple(single_line(name, NAME_LENGTH_MAX) for name in (first_name, last_name) if name)
    if not text and not names:
        return SpamScore(0, ())
    words = f" {' '.join(_WORDS.findall(fold(text)))} "
    rules = _rules()
    form = _Form(
        text,
        names,
        words,
        rules.patterns.matching(text),
        tuple(map(rules.name_patterns.matching, names)),
        rules.phrases.matching(words),
    )
    reasons: list[SpamReason] = []
    for rule in rules.rules:
        if points := rule.points * max(0, rule.matches(form) - rule.free):
            bound = min if rule.max > 0 else max
            reasons.append(SpamReason(rule.name, bound(points, rule.max)))
    if all(reason.points < 0 for reason in reasons):
        reasons = []
    return SpamScore(min(100, max(0, sum(reason.points for reason in reasons))), tuple(reasons))


def is_shouting(text: str) -> bool:
    """Return whether a text of some length is mostly in capitals; only ASCII letters are counted."""
    if len(text) < _SHOUTED_LETTERS_MIN:
        return False
    letters = text.encode("ascii", "ignore")
    upper = len(letters) - len(letters.translate(None, _UPPER))
    lower = len(letters) - len(letters.translate(None, _LOWER))
    return upper + lower >= _SHOUTED_LETTERS_MIN and upper > 3 * lower


def is_gibberish(name: str) -> bool:
    """Return whether a name was typed or drawn at random.

    That is a row of the keyboard, no vowels, capitals in the middle, or pairs of letters that no name has.
    """
    lowered = name.lower()
    pairs, *runs = (
        [lowered[at : at + length] for at in range(len(lowered) - length + 1)]
        for length in (2, *_RUN_LENGTHS)
    )
    return bool(
        not all(map(_KEYBOARD_RUNS.isdisjoint, runs))
        or _CONSONANT_RUN.search(lowered)
        or any(map(_VOWELLESS.fullmatch, lowered.split()))
        or len(_CASE_FLIP.findall(name)) >= 3
        or sum(map(_RARE_PAIRS.__contains__, pairs)) >= _RARE_PAIRS_MIN
    )


def is_doubled(names: Sequence[str]) -> bool:
    """Return whether first and last name are one word of some length, as programs fill them in."""
    return len(names) == 2 and len(names[0]) >= _DOUBLED_LENGTH_MIN and names[0].lower() == names[1].lower()


_FUNCTIONS: Final[dict[str, Callable[[_Form], int]]] = {
    "shouting": lambda form: is_shouting(form.message),
    "generated_name": lambda form: sum(map(is_gibberish, form.names)),
    "doubled_name": lambda form: is_doubled(form.names),
    "gibberish": lambda form: is_gibberish_message(form.message),
}
"""What the rules without a pattern and without phrases count, by the name of the rule."""


def is_gibberish_message(message: str) -> bool:
    words = message.split()
    return 0 < len(words) <= _GIBBERISH_WORDS_MAX and all(
        len(word) > 4 and is_gibberish(word) for word in words
    )


@cache
def _rules() -> _Rules:
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    return _Rules(tomllib.loads(text)["rule"])


def _rule(
    rules: _Rules,
    *,
    name: str,
    source: str,
    points: int,
    max: int,  # noqa: A002 - the names of the file
    on: str = "message",
    free: int = 0,
    pattern: str | None = None,
    phrases: Sequence[str] = (),
) -> _Rule:
    del source  # for people
    matches = _FUNCTIONS.get(name)
    if pattern is not None:
        matches = count_of_pattern(rules, pattern, on)
    elif phrases:
        matches = count_of_phrases(rules.phrases, phrases)
    if matches is None:
        raise ValueError(f"rule {name} of {_FILE} has neither a pattern nor phrases")
    return _Rule(name, matches, points, max, free)


def count_of_pattern(rules: _Rules, pattern: str, on: str) -> Callable[[_Form], int]:
    """Return a function that counts the matches in a message, or the names that match."""
    if on == _NAMES:
        number = rules.name_patterns.add(pattern)
        return lambda form: sum(number in found for found in form.name_patterns)
    options = re2.Options()
    options.case_sensitive = False
    compiled: Any = re2.compile(pattern, options)  # type: ignore[no-untyped-call]
    number = rules.patterns.add(pattern)
    return lambda form: sum(1 for _match in compiled.finditer(form.message)) if number in form.patterns else 0


def count_of_phrases(all_phrases: _PatternSet, phrases: Sequence[str]) -> Callable[[_Form], int]:
    """Return a function that counts which phrases occur. Phrases of ideographs may stand within a word."""
    plain: list[str] = []
    patterns: list[str] = []
    for phrase in phrases:
        words = " ".join(_WORDS.findall(fold(phrase.replace("*", "_"))))
        if phrase >= _IDEOGRAPHS_FROM:
            plain.append(words)
        elif "_" not in words:
            plain.append(f" {words} ")
        elif words.endswith("_") and words.count("_") == 1:
            plain.append(f" {words[:-1]}")
        else:
            patterns.append(" " + re.escape(words).replace("_", "[^ ]*"))
    compiled: Any = re2.compile("|".join(patterns)) if patterns else None  # type: ignore[no-untyped-call]
    plain_numbers = frozenset(all_phrases.add(re.escape(words)) for words in plain)
    pattern_numbers = frozenset(map(all_phrases.add, patterns))

    def count(form: _Form) -> int:
        found = len(plain_numbers & form.phrases)
        if pattern_numbers.isdisjoint(form.phrases):
            return found
        return found + len({match[0] for match in compiled.finditer(form.words)})

    return count
