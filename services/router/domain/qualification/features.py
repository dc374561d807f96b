"""The features of a sentence that `classifier` weighs: words, neighbours, classes, clusters, doubts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.router.domain.qualification.tokens import Token
from services.router.domain.qualification.word_clusters import word_clusters

Part = tuple[str, ...]
"""A part of a sentence that has features: its kind, and the words or classes that it consists of."""

_STEM_LENGTHS: Final = (4, 5, 6)
_NEAR: Final = 3
"""Up to so many tokens apart, the clusters of two words count together."""
_DOUBTED_LENGTH: Final = 5
"""Words after a doubt count by their first letters."""
_NO_WORD: Final = "<^$"
_DOUBTED: Final = 6
"""Up to so many words after the words of a doubt, in the same clause, count as doubted."""


def sentence_parts(
    tokens: Sequence[Token], classes: Sequence[Sequence[str]], doubts: Iterable[str], *, is_question: bool
) -> Iterator[Part]:
    """Yield the parts of a sentence. `classes` are those of each token in the language that is spoken."""
    yield ("ends", "?" if is_question else ".")
    for doubt in sorted({*doubts}):
        yield ("doubt", doubt)
    words = [token.folded if token.kind == "word" else f"<{token.kind}>" for token in tokens]
    between = ["^", *words, "$"]
    clusters = [_cluster(word) for word in between]
    for at, word in enumerate(between):
        yield from (("clusters", clusters[at], other) for other in clusters[at + 1 : at + 1 + _NEAR])
        if at:
            yield ("follows", between[at - 1], word)
    for at, word in enumerate(words):
        yield ("word", word)
        if classes[at]:
            yield ("class", *classes[at])


def doubted_parts(
    tokens: Sequence[Token], classes: Sequence[Sequence[str]], kind: str, start: int, clause_end: int
) -> Iterator[Part]:
    """Yield the parts of the words that follow a doubt of a kind, from `start` to the end of its clause."""
    for at in range(start, min(clause_end, start + _DOUBTED, len(tokens))):
        word = tokens[at].folded if tokens[at].kind == "word" else f"<{tokens[at].kind}>"
        yield ("doubted", kind, word, *classes[at])


def part_features(part: Part) -> list[str]:
    """Return the features of a part. Stems make features that the inflections of a word share."""
    kind, *names = part
    if kind == "word":
        word = names[0]
        stems = [length for length in _STEM_LENGTHS if len(word) > length and word[0].isalpha()]
        clusters = word_clusters().get(word)
        of_clusters = [f"cluster {clusters[0]}", f"group {clusters[1]}"] if clusters else []
        return [f"word {word}", *(f"stem {word[:length]}" for length in stems), *of_clusters]
    if kind == "class":
        return [f"class {name}" for name in names]
    if kind == "doubted":
        doubt, word, *classes = names
        return [
            f"doubted {doubt} {word[:_DOUBTED_LENGTH]}",
            f"doubted-cluster {doubt} {_cluster(word)}",
            *(f"doubted-class {doubt} {name}" for name in classes),
        ]
    return [" ".join(part)]


def _cluster(word: str) -> str:
    """Return the name of a word's cluster; that of a word in none is "?", figures and ends are their own."""
    if word[0] in _NO_WORD:
        return word
    clusters = word_clusters().get(word)
    return clusters[0] if clusters else "?"
